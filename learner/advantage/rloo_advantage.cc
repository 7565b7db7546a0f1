#include "learner/advantage/rloo_advantage.h"

#include "learner/advantage/advantage_parts.h"

namespace maspo {

Advantages RlooAdvantage::Compute(const AdvantageInputs& in) const {
  const auto per_response = ByGroup(in, [](absl::Span<const double> scores, absl::Span<const size_t>) {
    std::vector<double> advantages = Centred(scores);
    const auto n = static_cast<double>(scores.size());
    if (n > 1) {
      for (double& a : advantages) a *= n / (n - 1);
    }
    return advantages;
  });
  return {.advantages = SpreadOverTokens(per_response, in)};
}

}  // namespace maspo
