#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model/model_config.h"
#include "model/parameter_set.h"
#include "model/torch.h"
#include "services/weights/weight_channel.h"

namespace maspo {

// One policy version, complete and verified.
struct ReceivedWeights {
  int64_t policy_version = 0;
  std::string worker_id;  // Under which registration: a learner that was restarted may give a version other weights.
  std::shared_ptr<ParameterSet> parameters;
  absl::Duration receive_time;  // From the plan to the end of the digests' check.
};

// Receives broadcasts into a buffer of its own while the engine goes on decoding with the old weights.
//
//   Join -> plan -> rendezvous (kept while the plan names the same store prefix) -> broadcast -> digest -> Acknowledge
//
// Not thread-safe: one receiving thread.
class WeightReceiver {
 public:
  struct Options {
    torch::Device device = torch::kCPU;  // Of the weights that are returned.
    std::string host = "127.0.0.1";      // Where Gloo listens on this side.
  };

  WeightReceiver(const Options& options, ModelConfig config, WeightChannel* channel);

  // Waits for a version newer than `served_version`. nullopt: none before the deadline. The version fence: weights are
  // only returned when their digests are the learner's. Unavailable: the epoch failed, call again. FailedPrecondition:
  // the learner has another model, or sends by NCCL to a worker without a GPU. NotFound, Cancelled: as
  // WeightChannel::Join.
  absl::StatusOr<std::optional<ReceivedWeights>> ReceiveNewer(const std::string& worker_id, int64_t served_version,
                                                              absl::Time deadline);

 private:
  absl::StatusOr<ReceivedWeights> Receive(const v1::BroadcastPlan& plan);
  absl::Status Connect(const v1::BroadcastPlan& plan, torch::Device transport);

  const Options options_;
  const ModelConfig config_;
  WeightChannel* const channel_;
  c10::intrusive_ptr<c10d::TCPStore> store_;
  std::string store_prefix_;  // Of the connected group; port and prefix name it.
  uint32_t store_port_ = 0;
  c10::intrusive_ptr<c10d::Backend> backend_;  // Null after a failure.
};

}  // namespace maspo
