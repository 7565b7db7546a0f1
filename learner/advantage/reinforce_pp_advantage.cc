#include "learner/advantage/reinforce_pp_advantage.h"

#include "learner/advantage/advantage_parts.h"

namespace maspo {

Advantages ReinforcePpAdvantage::Compute(const AdvantageInputs& in) const {
  Advantages out;
  for (size_t i = 0; i < in.num_responses(); ++i) {
    std::vector<double> returns(in.rewards[i].size());
    double running = 0;
    for (size_t t = returns.size(); t-- > 0;) {
      returns[t] = in.rewards[i][t] + gamma_ * running;
      running = in.is_token[i][t] ? returns[t] : 0;
    }
    out.returns.push_back(std::move(returns));
  }
  out.advantages = out.returns;
  Whiten(out.advantages, in);
  return out;
}

Advantages ReinforcePpBaselineAdvantage::Compute(const AdvantageInputs& in) const {
  const auto per_response =
      ByGroup(in, [](absl::Span<const double> scores, absl::Span<const size_t>) { return Centred(scores); });
  Advantages out{.advantages = SpreadOverTokens(per_response, in)};
  Whiten(out.advantages, in);
  return out;
}

}  // namespace maspo
