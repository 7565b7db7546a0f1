#include "learner/advantage/gae_advantage.h"

#include "learner/advantage/advantage_parts.h"

namespace maspo {

Advantages GaeAdvantage::Compute(const AdvantageInputs& in) const {
  Advantages out;
  for (size_t i = 0; i < in.num_responses(); ++i) {
    const size_t width = in.rewards[i].size();
    std::vector<double> advantages(width), returns(width);
    double next_value = 0, g = 0;
    for (size_t t = width; t-- > 0;) {
      const double value = in.values.empty() ? 0 : in.values[i][t];
      if (in.is_token[i][t]) {
        g = in.rewards[i][t] + gamma_ * next_value - value + gamma_ * lambda_ * g;
        next_value = value;
        returns[t] = g + value;
      }
      advantages[t] = g;
    }
    out.advantages.push_back(std::move(advantages));
    out.returns.push_back(std::move(returns));
  }
  Whiten(out.advantages, in);
  return out;
}

}  // namespace maspo
