#pragma once

#include <map>
#include <string>
#include <vector>

#include "learner/advantage/advantage_estimator.h"
#include "learner/update/training_batch.h"
#include "proto/trajectory.pb.h"

namespace maspo {

// From the groups that rollout workers handed in to those that an update trains on. Pure.

// The groups as the update wants them, with advantages; `row` gets what the trajectories say about rewards, lengths and
// staleness. The estimator sees a response's reward on its last token.
std::vector<TrainingGroup> ToTrainingGroups(const std::vector<v1::TrajectoryGroup>& groups,
                                            const AdvantageEstimator& estimator, int64_t policy_version,
                                            std::map<std::string, double>& row);

// Takes the groups of which all responses or none are correct out of `groups` and returns their ids: what DAPO's
// dynamic sampling (arXiv 2503.14476, Eq. 11) replaces.
std::vector<std::string> TakeOutAllOrNoneCorrect(std::vector<v1::TrajectoryGroup>& groups);

}  // namespace maspo
