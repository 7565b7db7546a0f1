#include "learner/progress_watch.h"

#include <utility>

namespace maspo {

void ProgressWatch::See(const Counts& counts, const v1::RunStatus& status, absl::Time now) {
  const bool moved = SawTokens(status);
  if (!std::exchange(has_seen_, true)) {
    seen_ = at_last_kept_ = counts;
    return;
  }
  const bool kept = counts.kept > seen_.kept;
  if (moved || kept || counts.arrived > seen_.arrived) last_move_ = now;
  if (kept) {
    last_kept_ = now;
    at_last_kept_ = counts;
  }
  seen_ = counts;
}

// Whether a worker has more tokens than before. One that is new only says where its count starts: it may be an old one
// that registered again.
bool ProgressWatch::SawTokens(const v1::RunStatus& status) {
  bool more = false;
  std::map<std::string, uint64_t> tokens;
  for (const v1::WorkerSummary& worker : status.workers()) {
    const uint64_t now = worker.status().response_tokens() + worker.status().prompt_tokens();
    const auto before = worker_tokens_.find(worker.worker_id());
    more |= before != worker_tokens_.end() && now > before->second;
    tokens[worker.worker_id()] = now;
  }
  worker_tokens_ = std::move(tokens);
  return more;
}

ProgressWatch::Stall ProgressWatch::stall(absl::Time now) const {
  if (now - last_move_ > timeout_) return Stall::kNothingMoves;
  if (now - last_kept_ <= timeout_) return Stall::kNone;
  if (replaced_in_a_row() >= kReplacedInARow) return Stall::kAllReplaced;
  return given_up_in_a_row() >= kGivenUpInARow ? Stall::kAllGivenUp : Stall::kNone;
}

}  // namespace maspo
