#pragma once

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "proto/reward.pb.h"
#include "reward_server/worker/worker_process.h"
#include "services/base/metrics.h"

namespace maspo {

// Verifies answers in worker processes, so that no answer can harm the server: FLINT aborts a process that runs out of
// memory, and cannot be interrupted.
//
//   Verify() -> an idle worker, or a new one -> its answer; the worker is idle again
//                                            -> TIMEOUT, the worker is killed      (more CPU time than an answer may)
//                                            -> CRASHED, the worker is forgotten   (it died, or cannot be started)
//
// Thread-safe; there are as many workers as there were calls at once.
class SupervisedVerifier {
 public:
  // `metrics` outlives it. Unavailable: a worker cannot be started.
  static absl::StatusOr<std::unique_ptr<SupervisedVerifier>> Create(const WorkerProcess::Options& options,
                                                                    Metrics& metrics);

  v1::VerifiedAnswer Verify(const v1::VerifyItem& item);

 private:
  SupervisedVerifier(const WorkerProcess::Options& options, Metrics& metrics);

  absl::StatusOr<std::unique_ptr<WorkerProcess>> TakeWorker();

  const WorkerProcess::Options options_;
  prometheus::Counter& restarts_;
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<WorkerProcess>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace maspo
