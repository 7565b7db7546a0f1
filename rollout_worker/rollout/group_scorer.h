#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/tokenizer.h"
#include "rollout_worker/rollout/group_assembler.h"
#include "services/prompts/prompt_source.h"
#include "services/reward/answer_scorer.h"
#include "services/trajectory/trajectory_sink.h"

namespace maspo {

// Takes a generated group through the last two hops: verify every response, submit the trajectories.
//
// A verdict of TIMEOUT or CRASHED is asked again (max_attempts in all); a sample that still has none leaves the group.
// A group that keeps fewer than min_samples is given back to the learner as "unscorable".
//
// Thread-safe when its ends are.
class GroupScorer {
 public:
  struct Options {
    int max_attempts = 3;
    int min_samples = 2;                        // Of a training group; an evaluation group needs 1.
    absl::Duration timeout = absl::Minutes(5);  // For all attempts of one hop.
  };
  GroupScorer(const Options& options, const Tokenizer* tokenizer, AnswerScorer* scorer, TrajectorySink* sink,
              PromptSource* prompts);

  // Ok when the learner has the group or does not want it (duplicate, too old, unknown); Cancelled: the run is over.
  // Any other error: the group was given back.
  absl::Status ScoreAndSubmit(GeneratedGroup group) const;

 private:
  // The group as trajectories; those whose answers could not be verified are missing.
  absl::StatusOr<v1::TrajectoryGroup> Score(GeneratedGroup& group) const;
  absl::Status Submit(v1::TrajectoryGroup group) const;

  const Options options_;
  const Tokenizer* const tokenizer_;
  AnswerScorer* const scorer_;
  TrajectorySink* const sink_;
  PromptSource* const prompts_;
};

}  // namespace maspo
