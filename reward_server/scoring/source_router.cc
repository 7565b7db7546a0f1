#include "reward_server/scoring/source_router.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/limited_log.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"

namespace maspo {

SourceRouter::SourceRouter(AnswerScorer* verifier, Terms terms, const Options& options, Metrics& metrics)
    : verifier_(verifier),
      terms_(std::move(terms)),
      options_(options),
      metrics_(metrics),
      failures_(metrics.AddCounter("maspo_reward_external_failures_total",
                                   "Answers that an external scorer did not judge, after all attempts")) {}

void SourceRouter::Add(const std::string& source, std::unique_ptr<AnswerScorer> scorer) {
  external_[source] = std::make_unique<External>(source, std::move(scorer), options_.concurrency);
}

absl::StatusOr<std::vector<v1::VerifiedAnswer>> SourceRouter::Score(const std::vector<v1::VerifyItem>& items,
                                                                    absl::Time deadline) {
  std::vector<size_t> verified;
  std::map<External*, std::vector<size_t>> outside;
  for (size_t i = 0; i < items.size(); ++i) {
    const auto external = external_.find(items[i].source());
    (external == external_.end() ? verified : outside[external->second.get()]).push_back(i);
  }
  if (outside.empty()) return verifier_->Score(items, deadline);
  Answers answers(items.size());
  MASPO_RETURN_IF_ERROR(ScoreVerified(items, verified, deadline, answers));
  for (const auto& [external, places] : outside) ScoreExternally(*external, items, places, deadline, answers);
  return answers;
}

absl::Status SourceRouter::ScoreVerified(const std::vector<v1::VerifyItem>& items, const std::vector<size_t>& places,
                                         absl::Time deadline, Answers& answers) {
  std::vector<v1::VerifyItem> own;
  for (const size_t place : places) own.push_back(items[place]);
  MASPO_ASSIGN_OR_RETURN(Answers judged, verifier_->Score(own, deadline));
  for (size_t i = 0; i < places.size(); ++i) answers[places[i]] = std::move(judged[i]);
  return absl::OkStatus();
}

void SourceRouter::ScoreExternally(External& external, const std::vector<v1::VerifyItem>& items,
                                   const std::vector<size_t>& places, absl::Time deadline, Answers& answers) {
  for (size_t begin = 0; begin < places.size(); begin += options_.batch_items) {
    const size_t end = std::min(places.size(), begin + options_.batch_items);
    std::vector<v1::VerifyItem> batch;
    for (size_t i = begin; i < end; ++i) batch.push_back(items[places[i]]);
    const absl::Time start = SteadyNow();
    absl::StatusOr<Answers> judged = Call(external, batch, deadline);
    const auto micros = static_cast<uint32_t>(absl::ToInt64Microseconds(SteadyNow() - start) / batch.size());
    if (!judged.ok()) {
      failures_.Increment(static_cast<double>(batch.size()));
      const std::string why(judged.status().message());
      static LimitedLog log;
      log.Warn("{} answers of source {} are not judged: {}", batch.size(), external.source, why);
      const bool is_late = absl::IsDeadlineExceeded(judged.status());
      judged = Answers(batch.size());
      for (v1::VerifiedAnswer& answer : *judged) {
        answer.set_detail(why);
        answer.set_verdict(is_late ? v1::VERDICT_TIMEOUT : v1::VERDICT_CRASHED);
        answer.set_decided_by("external");
      }
    }
    for (size_t i = 0; i < batch.size(); ++i) {
      v1::VerifiedAnswer& answer = (*judged)[i];
      const bool is_judged = answer.verdict() != v1::VERDICT_TIMEOUT && answer.verdict() != v1::VERDICT_CRASHED;
      answer.set_id(batch[i].id());
      answer.set_micros(micros);
      if (is_judged) answer.set_reward(answer.reward() + static_cast<float>(terms_(batch[i], answer.verdict())));
    }
    metrics_.CountAnswers(*judged);
    for (size_t i = 0; i < batch.size(); ++i) answers[places[begin + i]] = std::move((*judged)[i]);
  }
}

absl::StatusOr<SourceRouter::Answers> SourceRouter::Call(External& external, const std::vector<v1::VerifyItem>& items,
                                                         absl::Time deadline) {
  {
    SteadyLock lock(&external.mutex);
    const auto is_free = [&external]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(external.mutex) { return external.IsFree(); };
    if (!external.mutex.AwaitUntil(is_free, deadline)) {
      return absl::DeadlineExceededError(absl::StrCat(
          "all ", options_.concurrency, " calls to its scorer are taken; see reward.external_concurrency"));
    }
    --external.free_calls;
  }
  absl::StatusOr<Answers> answers = external.scorer->Score(items, deadline);
  SteadyLock lock(&external.mutex);
  ++external.free_calls;
  if (answers.ok() && answers->size() != items.size()) {
    return absl::InternalError(absl::StrCat("its scorer answered ", answers->size(), " of ", items.size(), " items"));
  }
  return answers;
}

}  // namespace maspo
