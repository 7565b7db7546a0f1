#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "collective/ranks.h"
#include "learner/publish/policy_snapshot.h"
#include "learner/sharded/sharded_parameters.h"
#include "proto/ranks.pb.h"

namespace maspo {

// What a rank does beside its training, on other threads and over connections of their own: it keeps copies of its
// shards for whoever sends or writes a policy version, and writes its part of a checkpoint.
//
//   rank 0    publisher, checkpoint -> PolicySnapshot --RankRequest--> a thread of each other rank
//                                            ^                                  |
//                                            '----- its parts, its outcome -----'
//
// No rank ever holds more of a version than its own part and two whole buckets. Snapshots do not outlive this, nor does
// this `ranks` and `parameters`.
class RankBackground {
 public:
  // Copies are kept on `device`.
  RankBackground(const ShardedParameters* parameters, Ranks* ranks, torch::Device device);
  ~RankBackground();

  // The weights as they are now; null on ranks but the first, whose parts stay for as long as rank 0 has the snapshot.
  // Every rank's training thread makes the call. Throws c10::Error.
  std::shared_ptr<PolicySnapshot> TakeSnapshot();

  // Begins `work` on a thread of its own, after what was begun before. Every rank does so, with its part.
  void Begin(std::function<absl::Status()> work);
  // How this rank's work ended, waiting for it; ok where none was begun. Any thread.
  absl::Status Await() const;
  // On rank 0, any thread: how that of all others ended. Unavailable names the rank.
  absl::Status AwaitOthers();

 private:
  // This rank's shards as they were at a generation of the weights, one tensor a bucket.
  struct Copy {
    uint64_t generation = 0;
    std::vector<torch::Tensor> shards;
  };
  class Snapshot;
  using Pending = Ranks::Pending;

  bool is_first() const { return ranks_->rank() == 0; }
  std::shared_ptr<Copy> CopyShards() const;
  std::vector<uint64_t> CopiesInUse() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Rank 0: has the others begin what the request asks for, and begins its own side of it.
  void Ask(v1::RankRequest::Kind kind, uint64_t generation, uint64_t bucket, absl::FunctionRef<void()> own_side);
  // The others: answer until the destruction, or until rank 0 is gone.
  void Serve();
  void Answer(const v1::RankRequest& request);

  // The sides of a request, the same on every rank.
  Pending GatherBucket(const Copy& copy, size_t bucket, torch::Tensor& whole);
  std::vector<uint64_t> SumDigests(const Copy& copy);
  std::vector<std::string> Outcomes();

  const ShardedParameters* const parameters_;
  Ranks* const ranks_;
  Ranks* const beside_;  // Used under asking_ on rank 0, by thread_ alone elsewhere.
  const torch::Device device_;

  absl::Mutex asking_;
  mutable absl::Mutex mutex_;
  std::map<uint64_t, std::weak_ptr<Copy>> copies_ ABSL_GUARDED_BY(mutex_);  // By generation, on every rank.
  std::map<uint64_t, std::shared_ptr<Copy>> kept_ ABSL_GUARDED_BY(mutex_);  // For rank 0, by the others.
  std::shared_future<absl::Status> work_ ABSL_GUARDED_BY(mutex_);
  bool is_ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // Of Serve().
};

}  // namespace maspo
