#include "reward_server/scoring/scoring_pool.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

constexpr char kStops[] = "the reward server stops";

}  // namespace

ScoringPool::ScoringPool(Verify verify, const Options& options, Metrics& metrics)
    : verify_(std::move(verify)),
      options_(options),
      metrics_(metrics),
      queue_(std::numeric_limits<size_t>::max()) {  // Admit() bounds what is in it.
  MASPO_CHECK(options.threads > 0);
  for (int i = 0; i < options.threads; ++i) {
    threads_.push_back(std::make_unique<WorkerThread>(absl::StrCat("verifier-", i), [this] { return Work(); }));
  }
}

ScoringPool::~ScoringPool() { Close(); }

void ScoringPool::Close() {
  closed_ = true;
  queue_.Close();
}

absl::StatusOr<std::vector<v1::VerifiedAnswer>> ScoringPool::Score(const std::vector<v1::VerifyItem>& items,
                                                                   absl::Time deadline) {
  if (items.empty()) return std::vector<v1::VerifiedAnswer>();
  if (!Admit(items.size())) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", options_.max_waiting_items, " answers wait to be verified; retry later"));
  }
  const auto batch = std::make_shared<Batch>(items);
  absl::Status queued;
  for (size_t i = 0; i < std::min(items.size(), threads_.size()) && queued.ok(); ++i) {
    queued = queue_.Push(std::shared_ptr<Batch>(batch), absl::InfinitePast());
  }
  if (!queued.ok()) batch->Abandon(absl::UnavailableError(kStops));
  absl::StatusOr<std::vector<v1::VerifiedAnswer>> answers = batch->Wait(deadline);
  metrics_.SetWaiting(waiting_items_ -= items.size());
  if (answers.ok()) metrics_.CountAnswers(*answers);
  return answers;
}

bool ScoringPool::Admit(size_t items) {
  const size_t waiting = waiting_items_ += items;
  if (waiting > items && waiting > options_.max_waiting_items) {
    waiting_items_ -= items;
    return false;
  }
  metrics_.SetWaiting(waiting);
  metrics_.CountBatch(items);
  return true;
}

// Consumes batches; waits for the queue; unblocked by Close().
absl::Status ScoringPool::Work() {
  while (true) {
    const absl::StatusOr<std::shared_ptr<Batch>> batch = queue_.Pop(absl::InfiniteFuture());
    if (!batch.ok()) return absl::OkStatus();  // Closed.
    while (const std::optional<size_t> index = (*batch)->Claim()) {
      if (closed_) (*batch)->Abandon(absl::UnavailableError(kStops));
      (*batch)->Report(*index, verify_((*batch)->item(*index)));
    }
  }
}

}  // namespace maspo
