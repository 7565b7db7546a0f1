#include "learner/objectives/clip_cov.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "learner/objectives/surrogate_parts.h"

namespace maspo {
namespace {

// The clipped surrogate without the tokens that were chosen.
class WithoutTokens final : public PolicyObjective {
 public:
  WithoutTokens(const ObjectiveTraits& traits, RatioBounds bounds, torch::Tensor dropped_T)
      : PolicyObjective(traits), bounds_(std::move(bounds)), dropped_T_(std::move(dropped_T)) {}

  ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const override {
    ObjectiveOutputs out = ClippedSurrogate(Ratio(in), in.advantages_T, bounds_);
    const auto dropped_T = dropped_T_.narrow(0, in.first_token, in.logprobs_T.numel());
    const auto kept_T = torch::logical_not(dropped_T).to(in.logprobs_T.dtype());
    out.loss_T = torch::where(dropped_T, torch::zeros_like(kept_T), out.loss_T);
    out.gate_T = out.gate_T * kept_T;
    out.gated_T = torch::logical_or(out.gated_T, dropped_T);
    out.clipped_T = dropped_T;
    return out;
  }

 private:
  const RatioBounds bounds_;
  const torch::Tensor dropped_T_;  // Of the mini-batch.
};

}  // namespace

ClipCovObjective::Parameters ClipCovObjective::Read(ParameterReader& in) {
  Parameters p;
  in.ShareOfTokens("select_ratio", p.select_ratio);
  in.AtLeast("cov_low", p.cov_low, -std::numeric_limits<double>::infinity());
  in.Greater("cov_high", p.cov_high, p.cov_low);
  in.AtLeast("clip_low", p.clip_low, 0);
  in.AtLeast("clip_high", p.clip_high, 0);
  in.Greater("log_ratio_clamp", p.log_ratio_clamp, 0);
  return p;
}

torch::Tensor ClipCovObjective::Candidates(const ObjectiveInputs& mini_batch) const {
  const torch::NoGradGuard no_grad;
  const auto cov_T = TokenCovariance(mini_batch);
  const auto in_range_T = torch::logical_and(cov_T > parameters_.cov_low, cov_T < parameters_.cov_high);
  const double off = std::numeric_limits<double>::infinity();
  const auto surrogate = ClippedSurrogate(Ratio(mini_batch), mini_batch.advantages_T,
                                          RatioBounds::Around1(parameters_.clip_low, parameters_.clip_high, off));
  return torch::logical_and(in_range_T, torch::logical_not(surrogate.clipped_T));
}

int64_t ClipCovObjective::NumToDrop(int64_t num_tokens) const {
  return std::max<int64_t>(1, static_cast<int64_t>(parameters_.select_ratio * static_cast<double>(num_tokens)));
}

std::unique_ptr<PolicyObjective> ClipCovObjective::Dropping(torch::Tensor dropped_T) const {
  const double off = std::numeric_limits<double>::infinity();
  return std::make_unique<WithoutTokens>(
      traits(), RatioBounds::Around1(parameters_.clip_low, parameters_.clip_high, off), std::move(dropped_T));
}

std::unique_ptr<PolicyObjective> ClipCovObjective::BoundTo(const ObjectiveInputs& mini_batch) const {
  const auto candidates_T = Candidates(mini_batch);
  const auto places_K = candidates_T.nonzero().squeeze(-1);
  const int64_t count = std::min(NumToDrop(candidates_T.numel()), places_K.numel());
  // Keys are as good as random numbers: the smallest ones are a random choice.
  const auto chosen_K = std::get<1>(mini_batch.key_T.index_select(0, places_K).topk(count, 0, /*largest=*/false));
  auto dropped_T = torch::zeros_like(candidates_T);
  dropped_T.index_fill_(0, places_K.index_select(0, chosen_K), true);
  return Dropping(std::move(dropped_T));
}

ObjectiveOutputs ClipCovObjective::Evaluate(const ObjectiveInputs& in) const { return BoundTo(in)->Evaluate(in); }

}  // namespace maspo
