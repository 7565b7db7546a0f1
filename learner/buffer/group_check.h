#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "proto/prompt.pb.h"
#include "proto/trajectory.pb.h"

namespace maspo {

// Whether a submitted group is a well-formed result of the group that was issued: same prompt and purpose, between 1
// and num_samples trajectories in order of sample_index, one finite behaviour log-probability (at most 0, up to
// rounding) and one version for every token, between 1 and max_new_tokens tokens of the vocabulary, finite rewards and
// times, and a verdict that judges the response. Workers are not trusted: what passes can be trained on.
// InvalidArgument: says which field of which sample is wrong. Pure.
absl::Status CheckResult(const v1::PromptGroup& issued, const v1::TrajectoryGroup& group, uint64_t vocab_size);

// Oldest and newest policy version that sampled a token of the group, which has some.
struct VersionRange {
  int64_t oldest = 0;
  int64_t newest = -1;
};
VersionRange VersionsOf(const v1::TrajectoryGroup& group);

}  // namespace maspo
