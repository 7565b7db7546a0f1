#include "learner/buffer/group_check.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// A log-probability of a certain token may come out a little above 0.
constexpr float kLogprobRounding = 1e-3f;

absl::Status Malformed(const v1::TrajectoryGroup& group, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("group ", group.group_id(), ": ", what));
}

absl::Status CheckLogprobs(const google::protobuf::RepeatedField<float>& logprobs, int tokens, const char* whose) {
  if (logprobs.size() != tokens) {
    return absl::InvalidArgumentError(
        absl::StrCat("has ", tokens, " tokens, but ", logprobs.size(), " ", whose, " log-probabilities"));
  }
  for (const float logprob : logprobs) {
    if (!std::isfinite(logprob) || logprob > kLogprobRounding) {
      return absl::InvalidArgumentError(absl::StrCat("a ", whose, " log-probability is ", logprob));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTokens(const v1::Trajectory& trajectory, uint32_t max_new_tokens, uint64_t vocab_size) {
  if (trajectory.token_ids().empty()) return absl::InvalidArgumentError("has no token");
  if (static_cast<uint64_t>(trajectory.token_ids_size()) > max_new_tokens) {
    return absl::InvalidArgumentError(absl::StrCat("has ", trajectory.token_ids_size(), " tokens, more than the ",
                                                   max_new_tokens, " that were asked for"));
  }
  for (const uint32_t token : trajectory.token_ids()) {
    if (token >= vocab_size) {
      return absl::InvalidArgumentError(
          absl::StrCat("has token ", token, ", which is not in the vocabulary of ", vocab_size));
    }
  }
  return absl::OkStatus();
}

bool IsDuration(float seconds) { return std::isfinite(seconds) && seconds >= 0; }

absl::Status CheckTrajectory(const v1::Trajectory& trajectory) {
  const int tokens = trajectory.token_ids_size();
  MASPO_RETURN_IF_ERROR(CheckLogprobs(trajectory.behavior_logprobs(), tokens, "behaviour"));
  if (!trajectory.policy_logprobs().empty()) {
    MASPO_RETURN_IF_ERROR(CheckLogprobs(trajectory.policy_logprobs(), tokens, "policy"));
  }
  int64_t covered = 0;
  for (const v1::PolicyVersionRun& run : trajectory.version_runs()) {
    if (run.policy_version() < 0) return absl::InvalidArgumentError("has tokens of a negative policy version");
    covered += run.num_tokens();
  }
  if (covered != tokens) {
    return absl::InvalidArgumentError(absl::StrCat("has ", tokens, " tokens, but version runs of ", covered));
  }
  if (!std::isfinite(trajectory.reward())) {
    return absl::InvalidArgumentError(absl::StrCat("its reward is ", trajectory.reward()));
  }
  if (trajectory.verdict() < v1::VERDICT_CORRECT || trajectory.verdict() > v1::VERDICT_UNPARSABLE) {
    return absl::InvalidArgumentError(absl::StrCat("its verdict ", v1::Verdict_Name(trajectory.verdict()),
                                                   " does not judge it; leave the sample out"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckResult(const v1::PromptGroup& issued, const v1::TrajectoryGroup& group, uint64_t vocab_size) {
  if (group.prompt_id() != issued.prompt_id() || group.purpose() != issued.purpose() ||
      !std::equal(group.prompt_token_ids().begin(), group.prompt_token_ids().end(), issued.prompt_token_ids().begin(),
                  issued.prompt_token_ids().end())) {
    return Malformed(group, "prompt or purpose is not the one that was leased");
  }
  if (!IsDuration(group.generate_seconds()) || !IsDuration(group.prefill_seconds()) ||
      !IsDuration(group.verify_seconds())) {
    return Malformed(group, "one of its times is no number of seconds");
  }
  if (group.trajectories().empty()) return Malformed(group, "has no trajectory; release the lease instead");
  int64_t previous = -1;
  for (const v1::Trajectory& trajectory : group.trajectories()) {
    const int64_t sample = trajectory.sample_index();
    if (sample <= previous || sample >= issued.num_samples()) {
      return Malformed(group,
                       absl::StrCat("sample ", sample, " follows sample ", previous, " of ", issued.num_samples(),
                                    "; indices must ascend and be below the group's size"));
    }
    previous = sample;
    absl::Status status = CheckTokens(trajectory, issued.sampling().max_new_tokens(), vocab_size);
    status.Update(CheckTrajectory(trajectory));
    if (!status.ok()) {
      return Malformed(group, absl::StrCat("sample ", sample, " ", std::string(status.message())));
    }
  }
  return absl::OkStatus();
}

VersionRange VersionsOf(const v1::TrajectoryGroup& group) {
  VersionRange range;
  for (const v1::Trajectory& trajectory : group.trajectories()) {
    for (const v1::PolicyVersionRun& run : trajectory.version_runs()) {
      if (run.num_tokens() == 0) continue;
      const bool first = range.newest < range.oldest;
      range.oldest = first ? run.policy_version() : std::min(range.oldest, run.policy_version());
      range.newest = first ? run.policy_version() : std::max(range.newest, run.policy_version());
    }
  }
  return range;
}

}  // namespace maspo
