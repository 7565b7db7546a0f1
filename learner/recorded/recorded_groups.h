#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/trajectory.pb.h"

namespace maspo {

// Groups that were sampled and scored, as JSON Lines: what `maspo learn` trains on and what run.record_groups keeps.
//
//   {"group_id": "g00000007", "prompt_token_ids": [1, 2], "responses": [
//       {"token_ids": [3, 4], "behavior_logprobs": [-0.5, -1.25], "reward": 1.0}, ...]}
//
// A log-probability is in nats, by the policy that sampled, over the whole vocabulary.

// Groups in the order of the files and their lines. NotFound: no such file. InvalidArgument "FILE:LINE: ...": a field
// that is missing, unknown or ill-typed, a token that a model of `vocab_size` tokens lacks, a sequence of more than
// `max_positions`, a number that is not finite.
absl::StatusOr<std::vector<v1::TrajectoryGroup>> ReadRecordedGroups(const std::vector<std::string>& paths,
                                                                    int64_t vocab_size, int64_t max_positions);

// One line, without its end.
std::string RecordedLine(const v1::TrajectoryGroup& group);

// RUN_DIR/groups/step-00000012.jsonl: the groups that a step trained on, in that order. A step that is done again
// writes it again. Unavailable and the like: it cannot be written.
absl::Status WriteRecordedStep(const std::string& run_dir, uint64_t step,
                               const std::vector<v1::TrajectoryGroup>& groups);

}  // namespace maspo
