#include "rollout_worker/rollout/problems.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace maspo {

void Problems::Note(const std::string& area, const absl::Status& outcome) {
  if (absl::IsCancelled(outcome)) return;
  absl::MutexLock lock(&mutex_);
  if (outcome.ok()) {
    of_area_.erase(area);
  } else {
    of_area_[area] = {std::string(outcome.message()), ++notes_};
  }
}

std::unique_ptr<Problems::Wait> Problems::Await(std::string what, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  return std::make_unique<Wait>(this, awaited_.emplace(now, std::move(what)));
}

Problems::Wait::~Wait() {
  absl::MutexLock lock(&problems_->mutex_);
  problems_->awaited_.erase(place_);
}

std::string Problems::Latest(absl::Time now) const {
  absl::MutexLock lock(&mutex_);
  const Problem* latest = nullptr;
  for (const auto& [area, problem] : of_area_) {
    if (latest == nullptr || problem.number > latest->number) latest = &problem;
  }
  std::string text = latest == nullptr ? "" : latest->sentence;
  if (!awaited_.empty() && now - awaited_.begin()->first > kLong) {
    const auto& [since, what] = *awaited_.begin();
    absl::StrAppend(&text, text.empty() ? "" : "; ", what, " have been awaited for ",
                    absl::FormatDuration(absl::Trunc(now - since, absl::Seconds(1))));
  }
  return text;
}

}  // namespace maspo
