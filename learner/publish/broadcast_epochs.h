#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "learner/publish/policy_publisher.h"
#include "services/base/steady_mutex.h"
#include "services/weights/parking_weight_channel.h"

namespace maspo {

class PolicySnapshot;

// Who takes part in which broadcast of which policy version: the learner's end of WeightChannel, without a tensor.
//
//   Publish(v) ----------------------.
//   Park: a worker with an older one -+-> Next(): an epoch, of which every member has its plan -> [the owner
//   broadcasts]
//                                             ^                                                            |
//                                             '------------- End(how it went), Acknowledge <---------------'
//
// An epoch takes all workers that are parked with an older version; it gives live ones that are between two calls a
// moment to come. Members connect anew unless they are those of the epoch before, and all of them serve what it
// brought: whoever lost it must not meet the others at a place that was used.
//
// Thread-safe. Only Next() waits; it has one caller, who passes each epoch to End().
class BroadcastEpochs final : public ParkingWeightChannel {
 public:
  struct Options {
    std::string store_host;  // Where members meet.
    uint32_t store_port = 0;
    v1::WeightTransport transport = v1::WEIGHT_TRANSPORT_GLOO;
    absl::Duration timeout = absl::Seconds(60);       // For the rendezvous and for each collective.
    absl::Duration gather = absl::Milliseconds(200);  // How long an epoch waits for live workers that are not parked.
  };
  explicit BroadcastEpochs(const Options& options) : options_(options) {}

  // Membership: only workers added here may join. One that ends is no longer parked.
  void AddWorker(const std::string& worker_id);
  void EndWorker(const std::string& worker_id);

  // `weights` are what the manifest describes; they are passed on to the epochs that send them. Versions increase.
  // `since`: when the learner had them, from which on the push is timed.
  void Publish(v1::WeightManifest manifest, std::shared_ptr<PolicySnapshot> weights, absl::Time since);

  Ticket Park(const std::string& worker_id, int64_t served_version, Answer<MaybePlan> answer) override;
  bool Withdraw(Ticket ticket) override;
  absl::Status Acknowledge(const v1::AcknowledgeRequest& acknowledgement) override;

  struct Epoch {
    uint64_t number = 0;
    v1::WeightManifest manifest;
    std::shared_ptr<PolicySnapshot> weights;
    std::vector<std::string> members = {};  // Worker ids in the order of their ranks, which begin at 1.
    std::string store_prefix = "";
    bool connects_anew = false;  // At a prefix that nobody used.
  };
  // The next epoch, once there is one to hold; nullopt after Close().
  std::optional<Epoch> Next();
  void End(const Epoch& epoch, const absl::Status& outcome);

  PushStatistics TakeStatistics();
  absl::Status last_outcome() const;  // How the epoch that ended last went; ok before the first.
  uint64_t bytes_sent() const;        // As PushStatistics::bytes.
  size_t parked() const;              // Workers that wait for weights.

  // Every waiting and later call returns `why`.
  void Close(absl::Status why = absl::UnavailableError("the learner has stopped"));

 private:
  using Joins = ParkedCalls<MaybePlan, /*served_version*/ int64_t>;
  struct Version {
    v1::WeightManifest manifest;
    std::shared_ptr<PolicySnapshot> weights;
    absl::Time published_at;
  };
  // Members that are connected with each other and the learner.
  struct Connected {
    std::vector<std::string> members;
    std::string store_prefix;
    int64_t version = -1;  // That their last epoch brought.
  };

  absl::Status CheckJoin(const std::string& worker_id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsOutdated(const Joins::Call& join) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t CountOutdated() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AwaitMembers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<Joins::Call> TakeMembers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Epoch Begin(const std::vector<Joins::Call>& members) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  v1::BroadcastPlan PlanOf(const Epoch& epoch, uint32_t rank) const;

  const Options options_;

  mutable SteadyMutex mutex_;                                         // Guards everything below.
  absl::flat_hash_set<std::string> workers_ ABSL_GUARDED_BY(mutex_);  // Registered ones.
  Joins joins_ ABSL_GUARDED_BY(mutex_);
  std::optional<Version> newest_ ABSL_GUARDED_BY(mutex_);
  std::optional<Connected> connected_ ABSL_GUARDED_BY(mutex_);
  uint64_t epochs_ ABSL_GUARDED_BY(mutex_) = 0;
  PushStatistics statistics_ ABSL_GUARDED_BY(mutex_);
  absl::Status last_outcome_ ABSL_GUARDED_BY(mutex_);
  absl::Status closed_ ABSL_GUARDED_BY(mutex_);  // Ok while it is open.
};

}  // namespace maspo
