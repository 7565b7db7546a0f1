#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "learner/advantage/advantage_estimator.h"
#include "learner/update/behavior_correction.h"
#include "learner/update/training_batch.h"
#include "proto/reward.pb.h"
#include "proto/trajectory.pb.h"

namespace maspo {

// From the groups that rollout workers handed in to those that an update trains on. Pure.

// What the trajectories of a step say about rewards, lengths and staleness.
struct GroupStatistics {
  double reward_mean = 0, reward_std = 0;
  double accuracy = 0;                                   // Share of responses judged correct.
  std::array<double, v1::Verdict_ARRAYSIZE> verdicts{};  // Responses, by verdict.
  double zero_variance_fraction = 0;                     // Of groups: all responses got the same reward.
  double responses = 0, tokens = 0;
  double length_mean = 0, length_max = 0;  // Tokens.
  double truncated_fraction = 0;           // Of responses: cut off by length.
  double staleness_mean = 0;               // Versions behind the learner's, over tokens.
  double staleness_max = 0;
};

// Why the responses of `num_groups` groups teach nothing, and what to do about it; nullopt where some may.
std::optional<std::string> WhyNothingIsTaught(const GroupStatistics& statistics, size_t num_groups);

struct TrainingGroups {
  std::vector<TrainingGroup> groups;  // With advantages.
  GroupStatistics statistics;
};
// The estimator sees a response's reward on its last token.
TrainingGroups ToTrainingGroups(const std::vector<v1::TrajectoryGroup>& groups, const AdvantageEstimator& estimator,
                                int64_t policy_version);

// The same permutation for the same (seed, step), on every platform and after every restart.
void ShuffleGroups(std::vector<v1::TrajectoryGroup>& groups, uint64_t seed, uint64_t step);

// Once old_logprobs are the learner's own: leaves them, or puts the sampler's in their place, and applies the behaviour
// correction if it is on.
std::optional<BehaviorCorrection::Statistics> SettleOldLogprobs(bool recomputed, const BehaviorCorrection& correction,
                                                                std::vector<TrainingGroup>& groups);

// Takes the groups of which all responses or none are correct out of `groups` and returns their ids: what DAPO's
// dynamic sampling (arXiv 2503.14476, Eq. 11) replaces.
std::vector<std::string> TakeOutAllOrNoneCorrect(std::vector<v1::TrajectoryGroup>& groups);

}  // namespace maspo
