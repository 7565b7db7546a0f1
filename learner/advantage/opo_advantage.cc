#include "learner/advantage/opo_advantage.h"

#include <algorithm>

#include "learner/advantage/advantage_parts.h"

namespace maspo {

Advantages OpoAdvantage::Compute(const AdvantageInputs& in) const {
  const auto per_response = ByGroup(in, [&in](absl::Span<const double> scores, absl::Span<const size_t> members) {
    std::vector<double> advantages(scores.begin(), scores.end());
    if (scores.size() == 1) return advantages;
    double tokens = 0, weighted = 0;
    for (size_t k = 0; k < scores.size(); ++k) {
      const auto& is_token = in.is_token[members[k]];
      const auto n_k = static_cast<double>(std::count(is_token.begin(), is_token.end(), true));
      tokens += n_k;
      weighted += n_k * scores[k];
    }
    const bool nothing_to_learn = IsZeroVariance(scores) || tokens == 0;
    for (double& a : advantages) a = nothing_to_learn ? 0 : a - weighted / tokens;
    return advantages;
  });
  return {.advantages = SpreadOverTokens(per_response, in)};
}

}  // namespace maspo
