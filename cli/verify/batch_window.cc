#include "cli/verify/batch_window.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace maspo {

bool BatchWindow::HasRoom() const {
  SteadyLock lock(&mutex_);
  return added_ - handed_out_ < capacity_;
}

void BatchWindow::Add(v1::VerifyBatchRequest request) {
  SteadyLock lock(&mutex_);
  open_[added_] = {added_, std::move(request), {}};
  ++added_;
}

void BatchWindow::Complete() {
  SteadyLock lock(&mutex_);
  complete_ = true;
}

absl::StatusOr<std::optional<BatchWindow::Batch>> BatchWindow::Next(absl::Time deadline) {
  SteadyLock lock(&mutex_);
  mutex_.AwaitUntil([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return NextCanReturn(); }, deadline);
  if (!failure_.ok()) return failure_;
  auto next = judged_.extract(handed_out_);
  if (!next.empty()) {
    ++handed_out_;
    return std::move(next.mapped());
  }
  if (complete_ && handed_out_ == added_) return std::nullopt;
  const std::string why = last_trouble_.ok() ? "" : absl::StrCat("; last: ", last_trouble_.message());
  return absl::DeadlineExceededError(absl::StrCat("no server judged the next answers in time", why));
}

std::optional<BatchWindow::Batch> BatchWindow::Take() {
  SteadyLock lock(&mutex_);
  mutex_.Await([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return TakeCanReturn(); });
  return PopOpen();
}

std::optional<BatchWindow::Batch> BatchWindow::TakeIfOpen() {
  SteadyLock lock(&mutex_);
  return PopOpen();
}

void BatchWindow::Finish(Batch batch) {
  SteadyLock lock(&mutex_);
  const uint64_t number = batch.number;
  judged_[number] = std::move(batch);
}

void BatchWindow::GiveBack(Batch batch, const absl::Status& why) {
  SteadyLock lock(&mutex_);
  const uint64_t number = batch.number;
  open_[number] = std::move(batch);
  last_trouble_ = why;
}

void BatchWindow::Fail(const absl::Status& why) {
  SteadyLock lock(&mutex_);
  failure_.Update(why);
}

bool BatchWindow::TakeCanReturn() const {
  return !failure_.ok() || !open_.empty() || (complete_ && handed_out_ + judged_.size() == added_);
}

bool BatchWindow::NextCanReturn() const {
  return !failure_.ok() || judged_.contains(handed_out_) || (complete_ && handed_out_ == added_);
}

std::optional<BatchWindow::Batch> BatchWindow::PopOpen() {
  if (!failure_.ok() || open_.empty()) return std::nullopt;
  return std::move(open_.extract(open_.begin()).mapped());
}

}  // namespace maspo
