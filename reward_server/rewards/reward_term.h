#pragma once

#include <memory>

#include "proto/reward.pb.h"
#include "proto/run_config.pb.h"

namespace maspo {

// One piece of a reward: what a verified response gets besides the reward of its verdict. Pure and thread-safe.
//
// A new one is a file of its own with a Make function, a line in the table of reward_function.cc, and a test.
class RewardTerm {
 public:
  virtual ~RewardTerm() = default;
  virtual double Evaluate(const v1::VerifyItem& item, v1::Verdict verdict) const = 0;
};

// format: 1 when the answer stands in a closed box, and a <think> block, if there is one, is closed before it; else 0.
std::unique_ptr<RewardTerm> MakeFormatTerm(const v1::RewardSection& reward);

// overlong: the soft punishment of DAPO (Yu et al. 2025, Eq. 13): 0 up to overlong_max_tokens - overlong_buffer_tokens,
// then falling linearly to -1 at overlong_max_tokens, and -1 beyond.
std::unique_ptr<RewardTerm> MakeOverlongTerm(const v1::RewardSection& reward);

// length: of a correct response minus its share of overlong_max_tokens, between -1 and 0, so that the shorter of two
// correct ones is preferred; 0 of any other.
std::unique_ptr<RewardTerm> MakeLengthTerm(const v1::RewardSection& reward);

// repetition: minus the share of runs of repetition_words words that the response has had before; between -1 and 0.
std::unique_ptr<RewardTerm> MakeRepetitionTerm(const v1::RewardSection& reward);

}  // namespace maspo
