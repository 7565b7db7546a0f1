#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/verify/batch_window.h"
#include "proto/reward.pb.h"
#include "proto/run_config.pb.h"
#include "services/base/retry.h"
#include "services/base/stop_signal.h"
#include "services/reward/reward_endpoint.h"

namespace maspo {

// Has a long sequence of batches judged over VerifyStream, by all servers at once, and hands the answers out in order.
//
//   next() -> BatchWindow -> streams, each with one batch under way -> BatchWindow -> take(), in the order of next()
//
// A stream that breaks gives its batch back, and the server that broke it is left alone for a moment: another one
// judges the batch. No batch is lost, and none is handed out twice. A stream is renewed after half of
// network.call_timeout, so that each batch has the other half.
//
// Run() returns what next() or take() failed with, or a server in a way that another would too (InvalidArgument,
// Unauthenticated, ...); DeadlineExceeded when no server judged the next batch for four times network.call_timeout.
//
// Run() is called once.
class RewardStreams {
 public:
  struct Options {
    std::vector<std::string> endpoints;  // host:port, at least one.
    std::string key;                     // What named them, for messages.
    v1::NetworkSection network;
    int streams_per_endpoint = 2;  // The next batch is there when the one before is answered.
  };
  static absl::StatusOr<std::unique_ptr<RewardStreams>> Create(const Options& options);

  // Fills in a batch; false: there is none any more.
  using Source = absl::FunctionRef<absl::StatusOr<bool>(v1::VerifyBatchRequest& request)>;
  using Sink = absl::FunctionRef<absl::Status(const v1::VerifyBatchResponse& response)>;
  absl::Status Run(Source next, Sink take);

 private:
  RewardStreams(std::vector<RewardEndpoint> endpoints, const Options& options);

  absl::Status ReadAndWrite(Source next, Sink take);
  absl::Status ServeStreams(RewardEndpoint& endpoint);
  absl::Status ServeStream(RewardEndpoint& endpoint, std::optional<BatchWindow::Batch>& batch);

  std::vector<RewardEndpoint> endpoints_;
  const int streams_per_endpoint_;
  const absl::Duration call_timeout_;
  const RetryPolicy retry_;
  BatchWindow window_;
  StopSignal over_;
};

}  // namespace maspo
