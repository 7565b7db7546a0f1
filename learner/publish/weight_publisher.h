#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "model/parameter_set.h"
#include "model/torch.h"
#include "services/weights/weight_channel.h"

namespace maspo {

// Gives every published policy version to every worker: the learner's end of WeightChannel.
//
//   Publish(v) -> snapshot -> [workers parked in Join with an older version] -> epoch: rendezvous, broadcast ->
//   Acknowledge
//
// The broadcast runs on a thread of its own over a snapshot, so the learner goes on training. An epoch whose member
// died fails at its timeout; the survivors join the next one. A worker that comes late is an epoch of one. Members that
// stay the same from epoch to epoch keep their connections.
//
// Thread-safe. Publish() has one caller, the learner loop.
class WeightPublisher final : public WeightChannel {
 public:
  struct Options {
    torch::Device transport = torch::kCPU;       // Of the snapshot that is sent: cpu = by Gloo, cuda = by NCCL.
    std::string host = "127.0.0.1";              // Of the TCPStore and of Gloo's connections.
    absl::Duration timeout = absl::Seconds(60);  // For the rendezvous and for each collective.
    absl::Duration gather =
        absl::Milliseconds(200);  // How long an epoch waits for live workers that are not parked yet.
  };
  struct Statistics {
    double push_seconds_max = 0;  // From Publish() to the slowest acknowledgement, since the last call.
    int64_t acknowledged = 0;     // Workers that took a version, since the last call.
    int64_t failed_epochs = 0;    // Since construction.
    uint64_t bytes = 0;           // Sent since construction, counted once a receiver.
  };

  // Unavailable: the store cannot listen on `host`. `live_workers` names the registered workers.
  static absl::StatusOr<std::unique_ptr<WeightPublisher>> Create(
      const Options& options, std::function<std::vector<std::string>()> live_workers);
  ~WeightPublisher() override;

  // Copies the weights; versions must increase. Returns without waiting for the broadcast.
  void Publish(const ParameterSet& parameters, const ModelConfig& config, int64_t policy_version);

  absl::StatusOr<std::optional<v1::BroadcastPlan>> Join(const std::string& worker_id, int64_t served_version,
                                                        absl::Time deadline) override;
  absl::Status Acknowledge(const v1::AcknowledgeRequest& acknowledgement) override;

  Statistics TakeStatistics();
  uint64_t bytes_sent() const;  // As Statistics::bytes.

  // Every waiting and later Join returns `why`.
  void Close(absl::Status why = absl::CancelledError("the run is over"));

 private:
  struct Parked {
    uint64_t ticket = 0;  // Tells a repeated Join of the same worker from this one.
    int64_t served_version = -1;
    std::optional<v1::BroadcastPlan> plan;
  };
  struct Snapshot {
    std::shared_ptr<ParameterSet> parameters;
    v1::WeightManifest manifest;
    absl::Time published_at;
  };
  // The connections of one set of members, kept from epoch to epoch.
  struct Group {
    std::vector<std::string> members;
    std::string store_prefix;
    c10::intrusive_ptr<c10d::Backend> backend;  // Null until the rendezvous.
  };

  WeightPublisher(const Options& options, std::function<std::vector<std::string>()> live_workers,
                  c10::intrusive_ptr<c10d::TCPStore> store);

  // Consumes parked workers, produces broadcasts; waits for a worker that lacks the newest version; ends at Close().
  void BroadcastLoop();
  std::vector<std::string> Outdated() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status BroadcastSnapshot(const Snapshot& snapshot, Group& group) const;

  const Options options_;
  const std::function<std::vector<std::string>()> live_workers_;
  const c10::intrusive_ptr<c10d::TCPStore> store_;

  mutable absl::Mutex mutex_;
  std::map<std::string, Parked> parked_ ABSL_GUARDED_BY(mutex_);  // By worker id.
  std::optional<Snapshot> newest_ ABSL_GUARDED_BY(mutex_);
  Statistics statistics_ ABSL_GUARDED_BY(mutex_);
  uint64_t tickets_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t epoch_ ABSL_GUARDED_BY(mutex_) = 0;
  bool group_is_broken_ ABSL_GUARDED_BY(mutex_) = false;  // A member reported a failure: connect anew.
  absl::Status closed_ ABSL_GUARDED_BY(mutex_);           // Ok while it is open.
  std::thread thread_;
};

}  // namespace maspo
