// Checks the KL estimates against a case: value and gradient of every token, and the aggregated penalty.
#include <algorithm>
#include <cmath>

#include "learner/objectives/kl_penalty.h"
#include "services/base/status_macros.h"
#include "tests/goldens/golden_names.h"
#include "tests/goldens/golden_runner.h"
#include "tests/goldens/golden_tensors.h"

namespace maspo {

using nlohmann::json;

absl::Status CheckKlPenaltyCase(const std::string&, const json& golden) {
  const json& mask = golden.at("inputs").at("response_mask");
  const json& expected = golden.at("expected");
  MASPO_ASSIGN_OR_RETURN(const v1::Aggregation aggregation,
                         Known<v1::Aggregation>(expected.at("loss_agg_mode").get<std::string>()));
  for (const json& result : expected.at("results")) {
    const auto type = result.at("type").get<std::string>();
    MASPO_ASSIGN_OR_RETURN(const v1::KlEstimate estimate, Known<v1::KlEstimate>(type));
    const auto logprobs_T = Float32(ValidEntries(golden.at("inputs").at("log_prob"), mask)).requires_grad_();
    const PackedCase packed = PackCase(golden, logprobs_T, aggregation);
    const auto kl_T = KlPenalty(estimate, logprobs_T, packed.in.reference_logprobs_T);
    const auto loss = torch::sum(packed.weights_T * kl_T);
    loss.backward();
    const double tokens = static_cast<double>(std::max<int64_t>(1, logprobs_T.numel()));
    const double scale = torch::sum(packed.weights_T * kl_T.abs()).item<double>();
    MASPO_RETURN_IF_ERROR(Compare(type, kl_T, ValidEntries(result.at("kl"), mask), 1e-5, 2e-6));
    MASPO_RETURN_IF_ERROR(Compare("gradient of " + type, logprobs_T.grad(),
                                  ValidEntries(result.at("grad_log_prob"), mask), 1e-5, 2e-7 / tokens));
    MASPO_RETURN_IF_ERROR(CompareNumber("kl_loss of " + type, loss.item<double>(), result.at("kl_loss").get<double>(),
                                        1e-5 * scale + 2e-6));
  }
  return absl::OkStatus();
}

}  // namespace maspo
