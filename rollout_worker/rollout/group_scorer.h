#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/tokenizer.h"
#include "rollout_worker/rollout/group_assembler.h"
#include "rollout_worker/rollout/problems.h"
#include "services/prompts/prompt_source.h"
#include "services/reward/answer_scorer.h"
#include "services/trajectory/trajectory_sink.h"

namespace maspo {

// Takes a generated group through the last two hops: verify every response, submit the trajectories.
//
// A verdict of TIMEOUT or CRASHED is asked again (max_attempts in all); a sample that still has none leaves the group.
// A group that keeps fewer than min_samples is given back to the learner as "unscorable", one that the learner does not
// take, at once as "undelivered", with the reason.
//
// Thread-safe when its ends are.
class GroupScorer {
 public:
  struct Options {
    int max_attempts = 3;
    uint32_t min_samples = 2;                   // Of a training group; one of fewer needs them all, an evaluation 1.
    absl::Duration timeout = absl::Minutes(5);  // For all attempts of one hop.
  };
  GroupScorer(const Options& options, const Tokenizer* tokenizer, AnswerScorer* scorer, TrajectorySink* sink,
              PromptSource* prompts, Problems* problems);

  // Ok when the learner has the group or does not want it (duplicate, too old, unknown). Any error: the group was given
  // back, or could not be.
  absl::Status ScoreAndSubmit(GeneratedGroup group) const;

 private:
  // The group as trajectories; those whose answers could not be verified are missing, and `unjudged` tells why.
  absl::StatusOr<v1::TrajectoryGroup> Score(GeneratedGroup& group, absl::Status& unjudged) const;
  absl::Status Submit(v1::TrajectoryGroup group) const;

  const Options options_;
  const Tokenizer* const tokenizer_;
  AnswerScorer* const scorer_;
  TrajectorySink* const sink_;
  PromptSource* const prompts_;
  Problems* const problems_;
};

}  // namespace maspo
