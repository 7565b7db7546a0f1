#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/reward.grpc.pb.h"
#include "services/base/metrics.h"
#include "services/reward/answer_scorer.h"
#include "services/rpc/served_calls.h"

namespace maspo {

// The gRPC end of an AnswerScorer. Refuses batches above the limit; everything else is the scorer's.
//
// Thread-safe, one handler thread a call.
class RewardService final : public v1::RewardService::Service {
 public:
  struct Options {
    uint32_t max_batch_items = 4096;
  };
  // `scorer` and `metrics` outlive the service.
  RewardService(AnswerScorer* scorer, const Options& options, Metrics& metrics);

  grpc::Status VerifyBatch(grpc::ServerContext* context, const v1::VerifyBatchRequest* request,
                           v1::VerifyBatchResponse* response) override;
  grpc::Status VerifyStream(grpc::ServerContext* context,
                            grpc::ServerReaderWriter<v1::VerifyBatchResponse, v1::VerifyBatchRequest>* stream) override;

 private:
  absl::Status Verify(const v1::VerifyBatchRequest& request, absl::Time deadline, v1::VerifyBatchResponse& response);

  AnswerScorer* const scorer_;
  const Options options_;
  ServedCalls calls_;
};

}  // namespace maspo
