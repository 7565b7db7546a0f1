#include "learner/checkpoint/run_lock.h"

#include "absl/strings/str_cat.h"

namespace maspo {
namespace {

std::string PathOf(const std::string& run_dir, RunLock which) {
  return absl::StrCat(run_dir, which == RunLock::kLearner ? "/learner.lock" : "/train.lock");
}

absl::Status Taken(const std::string& run_dir, const absl::Status& holder) {
  if (!absl::IsUnavailable(holder)) return holder;
  return absl::UnavailableError(absl::StrCat(run_dir, " is in use by ", std::string(holder.message()),
                                             "; wait for its end or stop it, or name another folder"));
}

}  // namespace

absl::StatusOr<FileLock> LockRun(const std::string& run_dir, RunLock which) {
  auto lock = FileLock::Take(PathOf(run_dir, which), which == RunLock::kLearner ? "maspo-learner" : "maspo train");
  if (!lock.ok()) return Taken(run_dir, lock.status());
  return lock;
}

absl::Status CheckRunIsFree(const std::string& run_dir, RunLock which) {
  return Taken(run_dir, FileLock::CheckFree(PathOf(run_dir, which)));
}

}  // namespace maspo
