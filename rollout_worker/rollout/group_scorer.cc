#include "rollout_worker/rollout/group_scorer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/limited_log.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"
#include "services/reward/verdict_name.h"

namespace maspo {
namespace {

bool IsJudgement(v1::Verdict verdict) {
  return verdict != v1::VERDICT_UNSPECIFIED && verdict != v1::VERDICT_TIMEOUT && verdict != v1::VERDICT_CRASHED;
}

absl::Status WhyNotJudged(const v1::VerifiedAnswer& answer) {
  return absl::UnavailableError(absl::StrCat("response ", answer.id(), " could not be judged (",
                                             VerdictName(answer.verdict()), ")", answer.detail().empty() ? "" : ": ",
                                             answer.detail()));
}

v1::Trajectory ToTrajectory(GeneratedResponse& response, const v1::VerifiedAnswer& answer) {
  v1::Trajectory trajectory;
  trajectory.set_sample_index(response.sample_index);
  trajectory.mutable_token_ids()->Assign(response.token_ids.begin(), response.token_ids.end());
  trajectory.mutable_behavior_logprobs()->Assign(response.logprobs.begin(), response.logprobs.end());
  trajectory.mutable_policy_logprobs()->Assign(response.policy_logprobs.begin(), response.policy_logprobs.end());
  for (v1::PolicyVersionRun& run : response.version_runs) *trajectory.add_version_runs() = std::move(run);
  trajectory.set_finish_reason(response.finish_reason);
  trajectory.set_reward(answer.reward());
  trajectory.set_verdict(answer.verdict());
  trajectory.set_answer(answer.answer());
  return trajectory;
}

}  // namespace

GroupScorer::GroupScorer(const Options& options, const Tokenizer* tokenizer, AnswerScorer* scorer, TrajectorySink* sink,
                         PromptSource* prompts, Problems* problems)
    : options_(options), tokenizer_(tokenizer), scorer_(scorer), sink_(sink), prompts_(prompts), problems_(problems) {}

absl::Status GroupScorer::ScoreAndSubmit(GeneratedGroup group) const {
  const std::string &worker_id = group.worker_id, &group_id = group.prompt.group_id();
  const LogGroup about(group_id);
  const uint32_t wanted = group.prompt.num_samples();
  const bool is_training = group.prompt.purpose() == v1::PURPOSE_TRAIN;
  const int needed = is_training ? static_cast<int>(std::min(options_.min_samples, wanted)) : 1;
  absl::Status unjudged;
  absl::StatusOr<v1::TrajectoryGroup> scored = Score(group, unjudged);
  absl::Status status = scored.status();
  if (status.ok() && scored->trajectories_size() < needed) {
    status = absl::UnavailableError(absl::StrCat("only ", scored->trajectories_size(), " of ", wanted,
                                                 " responses could be verified; ", unjudged.message()));
  }
  std::string reason = "unscorable";
  if (status.ok()) {
    spdlog::debug("group {} generated in {:.3f} s and verified in {:.3f} s", group_id, scored->generate_seconds(),
                  scored->verify_seconds());
    status = Submit(*std::move(scored));
    problems_->Note("submission", status);
    reason = "undelivered";
  }
  if (!status.ok() && !absl::IsCancelled(status)) {
    static LimitedLog log;
    log.Warn("group {} goes back to the learner: {}", group_id, std::string(status.message()));
    prompts_->Release(ReleaseOf(worker_id, group_id, reason, std::string(status.message()))).IgnoreError();
  }
  return status;
}

absl::StatusOr<v1::TrajectoryGroup> GroupScorer::Score(GeneratedGroup& group, absl::Status& unjudged) const {
  const absl::Time start = SteadyNow();
  std::vector<v1::VerifyItem> items;
  for (const GeneratedResponse& response : group.responses) {
    v1::VerifyItem& item = items.emplace_back();
    item.set_id(absl::StrCat(group.prompt.group_id(), "/", response.sample_index));  // By which logs find it.
    item.set_problem(group.prompt.problem());
    item.set_gold_answer(group.prompt.gold_answer());
    item.set_source(group.prompt.source());
    item.set_finish_reason(response.finish_reason);
    item.set_response_tokens(static_cast<uint32_t>(response.token_ids.size()));
    MASPO_ASSIGN_OR_RETURN(*item.mutable_response(),
                           tokenizer_->Decode(response.token_ids, /*skip_special_tokens=*/true));
  }

  v1::TrajectoryGroup scored;
  std::vector<size_t> open(items.size());
  for (size_t i = 0; i < open.size(); ++i) open[i] = i;
  std::vector<v1::VerifiedAnswer> answers(items.size());
  const std::string& source = group.prompt.source();  // By which reward.external_scorers chooses who judges.
  const auto wait = problems_->Await(absl::StrCat("rewards", source.empty() ? "" : " of source ", source), start);
  for (int attempt = 0; attempt < options_.max_attempts && !open.empty(); ++attempt) {
    std::vector<v1::VerifyItem> asked;
    for (size_t i : open) asked.push_back(items[i]);
    auto verdicts = scorer_->Score(asked, start + options_.timeout);
    problems_->Note("rewards", verdicts.status());
    MASPO_RETURN_IF_ERROR(verdicts.status());
    if (verdicts->size() != asked.size())
      return absl::InternalError("the reward server answered another number of items");
    std::vector<size_t> failed;
    for (size_t j = 0; j < open.size(); ++j) {
      v1::VerifiedAnswer& answer = (*verdicts)[j];
      if (!IsJudgement(answer.verdict())) failed.push_back(open[j]);
      answers[open[j]] = std::move(answer);
    }
    unjudged = failed.empty() ? absl::OkStatus() : WhyNotJudged(answers[failed.front()]);
    problems_->Note("verifier", unjudged);
    open = std::move(failed);
  }

  scored.set_group_id(group.prompt.group_id());
  scored.set_prompt_id(group.prompt.prompt_id());
  scored.set_purpose(group.prompt.purpose());
  scored.set_worker_id(group.worker_id);
  *scored.mutable_prompt_token_ids() = group.prompt.prompt_token_ids();
  for (size_t i = 0; i < answers.size(); ++i) {
    if (IsJudgement(answers[i].verdict())) *scored.add_trajectories() = ToTrajectory(group.responses[i], answers[i]);
  }
  scored.set_generate_seconds(static_cast<float>(absl::ToDoubleSeconds(group.generate_time)));
  scored.set_prefill_seconds(static_cast<float>(absl::ToDoubleSeconds(group.prefill_time)));
  scored.set_verify_seconds(static_cast<float>(absl::ToDoubleSeconds(SteadyNow() - start)));
  return scored;
}

absl::Status GroupScorer::Submit(v1::TrajectoryGroup group) const {
  const std::string group_id = group.group_id();
  const absl::Status status = sink_->Offer(std::move(group), SteadyNow() + options_.timeout);
  if (status.ok() || absl::IsAlreadyExists(status)) return absl::OkStatus();
  static LimitedLog log;
  log.Info("group {} was not taken: {}", group_id, std::string(status.message()));
  const bool is_settled = absl::IsFailedPrecondition(status) || absl::IsNotFound(status);
  return is_settled ? absl::OkStatus() : status;
}

}  // namespace maspo
