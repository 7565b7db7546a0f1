#include <algorithm>

#include "reward_server/rewards/reward_term.h"

namespace maspo {
namespace {

class OverlongTerm final : public RewardTerm {
 public:
  OverlongTerm(double max_tokens, double buffer_tokens) : max_(max_tokens), cache_(buffer_tokens) {}

  double Evaluate(const v1::VerifyItem& item, v1::Verdict) const override {
    const double length = item.response_tokens();
    if (length <= max_ - cache_) return 0;
    return length <= max_ ? (max_ - cache_ - length) / cache_ : -1;
  }

 private:
  const double max_, cache_;  // L_max and L_cache of the paper.
};

class LengthTerm final : public RewardTerm {
 public:
  explicit LengthTerm(double max_tokens) : max_tokens_(max_tokens) {}

  double Evaluate(const v1::VerifyItem& item, v1::Verdict verdict) const override {
    return verdict == v1::VERDICT_CORRECT ? -std::min(1.0, item.response_tokens() / max_tokens_) : 0;
  }

 private:
  const double max_tokens_;
};

}  // namespace

std::unique_ptr<RewardTerm> MakeOverlongTerm(const v1::RewardSection& reward) {
  return std::make_unique<OverlongTerm>(reward.overlong_max_tokens(), reward.overlong_buffer_tokens());
}

std::unique_ptr<RewardTerm> MakeLengthTerm(const v1::RewardSection& reward) {
  return std::make_unique<LengthTerm>(reward.overlong_max_tokens());
}

}  // namespace maspo
