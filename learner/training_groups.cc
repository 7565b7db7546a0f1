#include "learner/training_groups.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "services/reward/verdict_name.h"

namespace maspo {
namespace {

using Row = std::map<std::string, double>;

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
  response.behavior_logprobs.assign(trajectory.behavior_logprobs().begin(), trajectory.behavior_logprobs().end());
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
    correct_ += trajectory.verdict() == v1::VERDICT_CORRECT;
    for (const v1::PolicyVersionRun& run : trajectory.version_runs()) {
      const auto lag = static_cast<double>(policy_version_ - run.policy_version());
      staleness_ += lag * run.num_tokens();
      stalest_ = std::max(stalest_, lag);
    }
  }

  void Report(Row& row) const {
    const double mean = reward_ / responses_;
    row["reward/mean"] = mean;
    row["reward/std"] = std::sqrt(std::max(0.0, reward_squares_ / responses_ - mean * mean));
    row["reward/accuracy"] = correct_ / responses_;
    row["response/count"] = responses_;
    row["response/tokens"] = tokens_;
    row["response/length_mean"] = tokens_ / responses_;
    row["response/length_max"] = longest_;
    row["response/truncated_fraction"] = truncated_ / responses_;
    row["rollout/staleness_mean"] = tokens_ > 0 ? staleness_ / tokens_ : 0;
    row["rollout/staleness_max"] = stalest_;
  }

 private:
  const int64_t policy_version_;
  double responses_ = 0, reward_ = 0, reward_squares_ = 0, correct_ = 0;
  double tokens_ = 0, longest_ = 0, truncated_ = 0, staleness_ = 0, stalest_ = 0;
};

void ReportVerdicts(const std::vector<v1::TrajectoryGroup>& groups, Row& row) {
  for (int verdict = v1::VERDICT_CORRECT; verdict <= v1::VERDICT_UNPARSABLE; ++verdict) {
    row[absl::StrCat("verdict/", VerdictName(static_cast<v1::Verdict>(verdict)))] = 0;
  }
  for (const v1::TrajectoryGroup& group : groups) {
    for (const v1::Trajectory& trajectory : group.trajectories()) {
      row[absl::StrCat("verdict/", VerdictName(trajectory.verdict()))] += 1;
    }
  }
}

}  // namespace

std::vector<TrainingGroup> ToTrainingGroups(const std::vector<v1::TrajectoryGroup>& groups,
                                            const AdvantageEstimator& estimator, int64_t policy_version, Row& row) {
  const Advantages estimated = estimator.Compute(InputsOf(groups));
  StepSums sums(policy_version);
  std::vector<TrainingGroup> training;
  auto advantages = estimated.advantages.begin();
  double zero_variance = 0;
  for (const v1::TrajectoryGroup& group : groups) {
    TrainingGroup& out = training.emplace_back();
    out.group_id = group.group_id();
    out.prompt.assign(group.prompt_token_ids().begin(), group.prompt_token_ids().end());
    for (const v1::Trajectory& trajectory : group.trajectories()) {
      out.responses.push_back(ToResponse(trajectory, *advantages++));
      sums.Add(trajectory);
    }
    zero_variance += HasZeroVariance(group);
  }
  sums.Report(row);
  ReportVerdicts(groups, row);
  row["group/zero_variance_fraction"] = zero_variance / static_cast<double>(groups.size());
  return training;
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
