#include "learner/wait_guard.h"

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"

namespace maspo {
namespace {

using Stall = ProgressWatch::Stall;

// What each worker was doing when it was heard of last.
std::string Workers(const v1::RunStatus& status, const std::string& last_farewell) {
  if (status.workers().empty()) {
    return absl::StrCat(" and no rollout worker is registered; ",
                        last_farewell.empty() ? "start one with network.learner set to this learner"
                                              : absl::StrCat("of the last one: ", last_farewell));
  }
  std::string text;
  for (const v1::WorkerSummary& worker : status.workers()) {
    const v1::WorkerStatus& doing = worker.status();
    absl::StrAppend(&text, "; ", worker.worker_name(), " (version ", doing.policy_version(), ", ",
                    doing.groups_in_flight(), " groups) is ", doing.phase());
    if (!doing.problem().empty()) absl::StrAppend(&text, ", its trouble: ", doing.problem());
  }
  return text;
}

}  // namespace

WaitGuard::WaitGuard(const Parts& parts, absl::Duration stall_timeout)
    : parts_(parts), stall_timeout_(stall_timeout), watch_(stall_timeout, SteadyNow()) {}

absl::Status WaitGuard::Check(const ProgressWatch::Counts& counts, const std::string& phase,
                              const std::string& awaited) {
  parts_.control->SetPhase(phase, awaited);
  if (parts_.stop->stop_requested()) return absl::CancelledError("a stop was requested");
  MASPO_RETURN_IF_ERROR(parts_.fatal->Get());
  const v1::RunStatus status = parts_.control->GetStatus().value_or(v1::RunStatus());
  const absl::Time now = SteadyNow();
  watch_.See(counts, status, now);
  const Stall stall = watch_.stall(now);
  if (stall == Stall::kNone) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("no progress for ", absl::FormatDuration(stall_timeout_), ": the learner has ",
                                         awaited, WhyStalled(stall), Workers(status, parts_.control->LastFarewell()),
                                         WhyNoWeights()));
}

std::string WaitGuard::WhyNoWeights() const {
  const std::string problem = parts_.publisher->Problem();
  return problem.empty() ? "" : absl::StrCat("; the last broadcast of weights failed: ", problem);
}

std::string WaitGuard::WhyStalled(Stall stall) const {
  if (stall == Stall::kAllReplaced) {
    return absl::StrCat(", and dynamic sampling has dropped the last ", watch_.replaced_in_a_row(),
                        " groups, because all of their responses were correct or none: give it problems that the model "
                        "sometimes solves, longer responses, or learner.dynamic_sampling: false");
  }
  if (stall == Stall::kAllGivenUp) {
    return absl::StrCat(", and the last ", watch_.given_up_in_a_row(),
                        " groups were given up after their last attempt; the learner's log says why of each");
  }
  return "";
}

}  // namespace maspo
