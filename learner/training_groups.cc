#include "learner/training_groups.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "absl/strings/str_format.h"

namespace maspo {
namespace {

bool HasZeroVariance(const v1::TrajectoryGroup& group) {
  std::vector<double> rewards;
  for (const v1::Trajectory& trajectory : group.trajectories()) rewards.push_back(trajectory.reward());
  return IsZeroVariance(rewards);
}

bool AllOrNoneCorrect(const v1::TrajectoryGroup& group) {
  const auto correct =
      std::count_if(group.trajectories().begin(), group.trajectories().end(),
                    [](const v1::Trajectory& trajectory) { return trajectory.verdict() == v1::VERDICT_CORRECT; });
  return correct == 0 || correct == group.trajectories_size();
}

// What the estimator sees; one row a response, in order.
AdvantageInputs InputsOf(const std::vector<v1::TrajectoryGroup>& groups) {
  AdvantageInputs in;
  for (size_t g = 0; g < groups.size(); ++g) {
    for (const v1::Trajectory& trajectory : groups[g].trajectories()) {
      const auto tokens = static_cast<size_t>(trajectory.token_ids_size());
      std::vector<double>& rewards = in.rewards.emplace_back(std::max<size_t>(tokens, 1), 0.0);
      rewards.back() = trajectory.reward();
      in.is_token.emplace_back(rewards.size(), tokens > 0);
      in.group.push_back(static_cast<int64_t>(g));
    }
  }
  return in;
}

TrainingResponse ToResponse(const v1::Trajectory& trajectory, const std::vector<double>& advantages) {
  TrainingResponse response;
  response.token_ids.assign(trajectory.token_ids().begin(), trajectory.token_ids().end());
  const bool is_restricted = !trajectory.policy_logprobs().empty();
  const auto& logprobs = is_restricted ? trajectory.policy_logprobs() : trajectory.behavior_logprobs();
  response.behavior_logprobs.assign(logprobs.begin(), logprobs.end());
  for (size_t t = 0; t < response.token_ids.size(); ++t) {
    response.advantages.push_back(static_cast<float>(advantages[t]));
  }
  return response;
}

// Sums over the responses of a step.
class StepSums {
 public:
  explicit StepSums(int64_t policy_version) : policy_version_(policy_version) {}

  void Add(const v1::Trajectory& trajectory) {
    ++responses_;
    reward_ += trajectory.reward();
    reward_squares_ += double{trajectory.reward()} * trajectory.reward();
    const auto length = static_cast<double>(trajectory.token_ids_size());
    tokens_ += length;
    longest_ = std::max(longest_, length);
    truncated_ += trajectory.finish_reason() == v1::FINISH_REASON_LENGTH;
    ++verdicts_[trajectory.verdict()];
    for (const v1::PolicyVersionRun& run : trajectory.version_runs()) {
      const auto lag = static_cast<double>(policy_version_ - run.policy_version());
      staleness_ += lag * run.num_tokens();
      stalest_ = std::max(stalest_, lag);
    }
  }

  GroupStatistics Result() const {
    const double mean = reward_ / responses_;
    return {.reward_mean = mean,
            .reward_std = std::sqrt(std::max(0.0, reward_squares_ / responses_ - mean * mean)),
            .accuracy = verdicts_[v1::VERDICT_CORRECT] / responses_,
            .verdicts = verdicts_,
            .responses = responses_,
            .tokens = tokens_,
            .length_mean = tokens_ / responses_,
            .length_max = longest_,
            .truncated_fraction = truncated_ / responses_,
            .staleness_mean = tokens_ > 0 ? staleness_ / tokens_ : 0,
            .staleness_max = stalest_};
  }

 private:
  const int64_t policy_version_;
  double responses_ = 0, reward_ = 0, reward_squares_ = 0;
  std::array<double, v1::Verdict_ARRAYSIZE> verdicts_{};
  double tokens_ = 0, longest_ = 0, truncated_ = 0, staleness_ = 0, stalest_ = 0;
};

}  // namespace

std::optional<std::string> WhyNothingIsTaught(const GroupStatistics& statistics, size_t num_groups) {
  const bool are_groups_of_one = statistics.responses <= static_cast<double>(num_groups);
  if (statistics.zero_variance_fraction < 1 || (are_groups_of_one && statistics.reward_std > 0)) return std::nullopt;
  if (statistics.truncated_fraction == 1) {
    return absl::StrFormat(
        "all %.0f responses were cut off, at %.0f tokens, before they came to an answer; raise rollout.max_new_tokens, "
        "or see with run.record_groups whether the model ever stops",
        statistics.responses, statistics.length_max);
  }
  if (statistics.reward_std == 0) {
    return absl::StrFormat(
        "all %.0f responses got the reward %g, none is better than another; choose problems of which the model solves "
        "some, or see with `maspo verify` how its answers are read",
        statistics.responses, statistics.reward_mean);
  }
  return "within every group all responses got the same reward; choose problems of which the model solves some at "
         "times, or set learner.dynamic_sampling";
}

TrainingGroups ToTrainingGroups(const std::vector<v1::TrajectoryGroup>& groups, const AdvantageEstimator& estimator,
                                int64_t policy_version) {
  const Advantages estimated = estimator.Compute(InputsOf(groups));
  StepSums sums(policy_version);
  TrainingGroups training;
  auto advantages = estimated.advantages.begin();
  double zero_variance = 0;
  for (const v1::TrajectoryGroup& group : groups) {
    TrainingGroup& out = training.groups.emplace_back();
    out.group_id = group.group_id();
    out.prompt.assign(group.prompt_token_ids().begin(), group.prompt_token_ids().end());
    for (const v1::Trajectory& trajectory : group.trajectories()) {
      out.responses.push_back(ToResponse(trajectory, *advantages++));
      sums.Add(trajectory);
    }
    zero_variance += HasZeroVariance(group);
  }
  training.statistics = sums.Result();
  training.statistics.zero_variance_fraction = zero_variance / static_cast<double>(groups.size());
  return training;
}

void ShuffleGroups(std::vector<v1::TrajectoryGroup>& groups, uint64_t seed, uint64_t step) {
  std::seed_seq sequence{seed & 0xffffffffu, seed >> 32, step & 0xffffffffu, step >> 32};
  std::mt19937_64 random(sequence);
  for (size_t i = groups.size(); i > 1; --i) groups[i - 1].Swap(&groups[random() % i]);
}

std::optional<BehaviorCorrection::Statistics> SettleOldLogprobs(bool recomputed, const BehaviorCorrection& correction,
                                                                std::vector<TrainingGroup>& groups) {
  if (!recomputed) {
    for (TrainingGroup& group : groups) {
      for (TrainingResponse& response : group.responses) response.old_logprobs = response.behavior_logprobs;
    }
  }
  if (correction.is_off()) return std::nullopt;
  return correction.Apply(absl::MakeSpan(groups));
}

std::vector<std::string> TakeOutAllOrNoneCorrect(std::vector<v1::TrajectoryGroup>& groups) {
  std::vector<std::string> ids;
  for (const v1::TrajectoryGroup& group : groups) {
    if (AllOrNoneCorrect(group)) ids.push_back(group.group_id());
  }
  std::erase_if(groups, [](const v1::TrajectoryGroup& group) { return AllOrNoneCorrect(group); });
  return ids;
}

}  // namespace maspo
