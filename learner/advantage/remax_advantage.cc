#include "learner/advantage/remax_advantage.h"

namespace maspo {

Advantages RemaxAdvantage::Compute(const AdvantageInputs& in) const {
  Advantages out;
  for (size_t i = 0; i < in.num_responses(); ++i) {
    const size_t width = in.rewards[i].size();
    std::vector<double> returns(width), advantages(width);
    double running = 0;
    for (size_t t = width; t-- > 0;) {
      if (in.is_token[i][t]) running += in.rewards[i][t];
      returns[t] = running;
      advantages[t] = in.is_token[i][t] ? running - in.baselines[i] : running;
    }
    out.returns.push_back(std::move(returns));
    out.advantages.push_back(std::move(advantages));
  }
  return out;
}

}  // namespace maspo
