#include "learner/objectives/kl_cov.h"

#include <algorithm>
#include <utility>

#include "learner/objectives/surrogate_parts.h"

namespace maspo {
namespace {

// The policy gradient with a penalty on the tokens that were chosen.
class PenalizingTokens final : public PolicyObjective {
 public:
  PenalizingTokens(const ObjectiveTraits& traits, double kl_coef, torch::Tensor selected_T)
      : PolicyObjective(traits), kl_coef_(kl_coef), selected_T_(std::move(selected_T)) {}

  ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const override {
    const auto ratio_T = Ratio(in);
    ObjectiveOutputs out = GatedSurrogate(torch::ones_like(ratio_T), ratio_T, in.advantages_T);
    out.gated_T = selected_T_.narrow(0, in.first_token, in.logprobs_T.numel());
    out.loss_T = out.loss_T + kl_coef_ * torch::abs(in.logprobs_T - in.old_logprobs_T) * out.gated_T;
    return out;
  }

 private:
  const double kl_coef_;
  const torch::Tensor selected_T_;  // Of the mini-batch.
};

}  // namespace

KlCovObjective::Parameters KlCovObjective::Read(ParameterReader& in) {
  Parameters p;
  in.ShareOfTokens("select_ratio", p.select_ratio);
  in.AtLeast("kl_coef", p.kl_coef, 0);
  in.Greater("log_ratio_clamp", p.log_ratio_clamp, 0);
  return p;
}

torch::Tensor KlCovObjective::Selected(const ObjectiveInputs& mini_batch) const {
  const auto cov_T = TokenCovariance(mini_batch);
  auto selected_T = torch::zeros_like(cov_T, torch::kBool);
  const auto wanted = static_cast<int64_t>(parameters_.select_ratio * static_cast<double>(cov_T.numel()));
  const int64_t count = std::min(std::max<int64_t>(1, wanted), cov_T.numel());
  return selected_T.index_fill_(0, std::get<1>(cov_T.topk(count)), true);
}

std::unique_ptr<PolicyObjective> KlCovObjective::BoundTo(const ObjectiveInputs& mini_batch) const {
  return std::make_unique<PenalizingTokens>(traits(), parameters_.kl_coef, Selected(mini_batch));
}

ObjectiveOutputs KlCovObjective::Evaluate(const ObjectiveInputs& in) const { return BoundTo(in)->Evaluate(in); }

}  // namespace maspo
