#pragma once

#include "proto/run_config.pb.h"
#include "reward_server/verification/answer_verifier.h"

namespace maspo {

// The verifier that a run's configuration describes.
inline AnswerVerifier::Options VerifierOptionsFrom(const v1::RewardSection& reward) {
  AnswerVerifier::Options options;
  options.correct = reward.correct();
  options.incorrect = reward.incorrect();
  options.truncated_is_no_answer = reward.truncated_is_no_answer();
  options.answer_deadline = absl::Milliseconds(reward.answer_deadline_ms());
  options.rule_sets.assign(reward.rule_sets().begin(), reward.rule_sets().end());
  options.cache_bytes = size_t{reward.cache_mib()} << 20;
  return options;
}

}  // namespace maspo
