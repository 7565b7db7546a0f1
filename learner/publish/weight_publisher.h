#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "learner/publish/broadcast_epochs.h"
#include "learner/publish/policy_publisher.h"
#include "learner/publish/policy_snapshot.h"
#include "model/torch.h"
#include "services/base/steady_mutex.h"

namespace maspo {

// Gives every published policy version to every worker.
//
//   Publish(v) -> snapshot -> its digests -> BroadcastEpochs, where workers join -> epoch: rendezvous, broadcast
//                            '- a thread -'                                        '-- a thread, bucket by bucket --'
//
// The learner goes on training meanwhile. An epoch whose member died fails at its timeout; the survivors join the next
// one. A worker that comes late is an epoch of one. Members that stay the same from epoch to epoch keep their
// connections.
//
// All but epochs() has one caller, the learner loop; epochs() is thread-safe.
class WeightPublisher final : public PolicyPublisher {
 public:
  struct Options {
    torch::Device transport = torch::kCPU;       // Where the snapshots' buckets are: cpu = by Gloo, cuda = by NCCL.
    std::string host = "127.0.0.1";              // Of the TCPStore and of Gloo's connections.
    absl::Duration timeout = absl::Seconds(60);  // For the rendezvous and for each collective.
    absl::Duration gather =
        absl::Milliseconds(200);  // How long an epoch waits for live workers that are not parked yet.
  };

  // Unavailable: the store cannot listen on `host`.
  static absl::StatusOr<std::unique_ptr<WeightPublisher>> Create(const Options& options);
  ~WeightPublisher() override;  // Closes the epochs.

  void Publish(std::shared_ptr<PolicySnapshot> weights, int64_t policy_version) override;
  PushStatistics TakeStatistics() override { return epochs_.TakeStatistics(); }
  std::string Problem() const override;

  // What workers join.
  BroadcastEpochs& epochs() { return epochs_; }

 private:
  WeightPublisher(const Options& options, c10::intrusive_ptr<c10d::TCPStore> store);

  // A version that workers cannot join yet.
  struct Undescribed {
    std::shared_ptr<PolicySnapshot> weights;
    int64_t policy_version = 0;
    absl::Time since;
  };

  // Consumes what was published last, produces epochs; waits for Publish(); ends at the destruction.
  void DescribeLoop();
  // Consumes epochs, produces broadcasts; waits for a worker that lacks the newest version; ends when they are closed.
  void BroadcastLoop();
  absl::Status Broadcast(const BroadcastEpochs::Epoch& epoch);
  absl::Status Connect(const BroadcastEpochs::Epoch& epoch);
  void ForgetKeysOf(const std::string& store_prefix);

  const Options options_;
  const c10::intrusive_ptr<c10d::TCPStore> store_;
  BroadcastEpochs epochs_;

  mutable SteadyMutex mutex_;
  std::optional<Undescribed> next_ ABSL_GUARDED_BY(mutex_);
  absl::Status described_ ABSL_GUARDED_BY(mutex_);  // How describing went last.
  bool is_closed_ ABSL_GUARDED_BY(mutex_) = false;

  // Of the broadcast thread: the connections of the last epoch's members, null before the rendezvous.
  c10::intrusive_ptr<c10d::Backend> backend_;
  std::string backend_prefix_;
  std::thread describer_, broadcaster_;
};

}  // namespace maspo
