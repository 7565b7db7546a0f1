#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/reward/answer_scorer.h"

namespace maspo {

// Stands for the reward servers: a response is CORRECT (reward 1) when it equals the gold answer, else WRONG (reward
// -1), unless a test says otherwise. Keeps the sizes of the batches it was asked to judge.
class FakeAnswerScorer final : public AnswerScorer {
 public:
  using Rule = std::function<absl::StatusOr<std::vector<v1::VerifiedAnswer>>(const std::vector<v1::VerifyItem>&,
                                                                             absl::Time deadline)>;
  // Replaces the rule for all later calls. Called without a lock.
  void Use(Rule rule) {
    absl::MutexLock lock(&mutex_);
    rule_ = std::move(rule);
  }
  // Every later call returns this error.
  void Answer(absl::Status error) {
    Use([error = std::move(error)](const auto&, absl::Time) { return error; });
  }
  std::vector<size_t> batch_sizes() const {
    absl::MutexLock lock(&mutex_);
    return batch_sizes_;
  }

  absl::StatusOr<std::vector<v1::VerifiedAnswer>> Score(const std::vector<v1::VerifyItem>& items,
                                                        absl::Time deadline) override {
    Rule rule;
    {
      absl::MutexLock lock(&mutex_);
      batch_sizes_.push_back(items.size());
      rule = rule_;
    }
    return rule(items, deadline);
  }

  // The rule that holds unless replaced.
  static std::vector<v1::VerifiedAnswer> CompareTexts(const std::vector<v1::VerifyItem>& items) {
    std::vector<v1::VerifiedAnswer> answers;
    for (const v1::VerifyItem& item : items) {
      const bool correct = item.response() == item.gold_answer();
      v1::VerifiedAnswer answer;
      answer.set_id(item.id());
      answer.set_verdict(correct ? v1::VERDICT_CORRECT : v1::VERDICT_WRONG);
      answer.set_reward(correct ? 1 : -1);
      answer.set_answer(item.response());
      answers.push_back(std::move(answer));
    }
    return answers;
  }

 private:
  mutable absl::Mutex mutex_;
  Rule rule_ ABSL_GUARDED_BY(mutex_) = [](const auto& items, absl::Time) { return CompareTexts(items); };
  std::vector<size_t> batch_sizes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace maspo
