#include "learner/objectives/bapo.h"

#include <cmath>

#include "learner/objectives/grpo_clip.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// The tokens of one sign, float64 on their device: w, |A| and rho.
struct SignedTokens {
  torch::Tensor weight_T, advantage_T, ratio_T;
};

double Total(const torch::Tensor& x_T) { return x_T.sum().item<double>(); }

// What the tokens contribute when their ratio is limited to `limited_T`; with `kept_only`, those alone that keep it.
double Contribution(const SignedTokens& tokens, const torch::Tensor& limited_T, bool kept_only) {
  const auto part_T = tokens.weight_T * limited_T * tokens.advantage_T;
  return Total(kept_only ? part_T * (tokens.ratio_T == limited_T) : part_T);
}

class ContributionRule {
 public:
  ContributionRule(v1::Contribution kind, const ObjectiveInputs& in, const torch::Tensor& ratio_T) : kind_(kind) {
    const auto ratio64_T = ratio_T.to(torch::kDouble);
    const auto advantages_T = in.advantages_T.to(torch::kDouble);
    const auto old_T = torch::exp(in.old_logprobs_T.to(torch::kDouble));
    const bool weighted = kind != v1::CONTRIBUTION_UNWEIGHTED_POS_OVER_NEG;
    const auto weight_T = weighted ? old_T : torch::ones_like(old_T);
    const auto pick = [&](const torch::Tensor& mask_T) {
      return SignedTokens{weight_T.masked_select(mask_T), advantages_T.masked_select(mask_T).abs(),
                          ratio64_T.masked_select(mask_T)};
    };
    positive_ = pick(advantages_T > 0);
    negative_ = pick(advantages_T < 0);
  }

  double At(double low, double high) const {
    const bool kept_only = kind_ == v1::CONTRIBUTION_GRADIENT_SHARE;
    const double p = Contribution(positive_, torch::clamp_max(positive_.ratio_T, high), kept_only);
    const double n = Contribution(negative_, torch::clamp_min(negative_.ratio_T, low), kept_only);
    const double denominator = Denominator(p, n);
    return denominator == 0 ? std::numeric_limits<double>::infinity() : p / denominator;
  }

 private:
  double Denominator(double p, double n) const {
    switch (kind_) {
      case v1::CONTRIBUTION_PAPER:
        return std::abs(p - n);
      case v1::CONTRIBUTION_UNWEIGHTED_POS_OVER_NEG:
        return n + 1e-8;
      case v1::CONTRIBUTION_ABS_SHARE:
      case v1::CONTRIBUTION_GRADIENT_SHARE:
        return p + n;
    }
    MASPO_CHECK(false);
  }

  const v1::Contribution kind_;
  SignedTokens positive_, negative_;
};

// How often a bound can move by `delta` from a to b.
int StepLimit(double a, double b, double delta) { return static_cast<int>(std::floor((b - a) / delta + 1e-9)); }

}  // namespace

BapoObjective::Parameters BapoObjective::Read(ParameterReader& in) {
  Parameters p;
  in.AtLeast("rho0", p.rho0, 0);
  in.AtLeast("a_plus", p.a_plus, 1);
  in.AtLeast("b_plus", p.b_plus, p.a_plus);
  in.AtLeast("a_minus", p.a_minus, 0);
  in.AtLeast("b_minus", p.b_minus, p.a_minus);
  in.Require(!(p.b_minus > 1), "learner.objective.b_minus must be at most 1: it is a lower bound of ratios around 1");
  in.Greater("delta_high", p.delta_high, 0);
  in.Greater("delta_low", p.delta_low, 0);
  in.Choice("contribution", p.contribution);
  in.Choice("order", p.order);
  in.Greater("dual_clip", p.dual_clip, 1);
  in.Greater("log_ratio_clamp", p.log_ratio_clamp, 0);
  return p;
}

BapoObjective::Bounds BapoObjective::FindBounds(const ObjectiveInputs& mini_batch) const {
  const torch::NoGradGuard no_grad;
  const Parameters& p = parameters_;
  const ContributionRule rule(p.contribution, mini_batch, Ratio(mini_batch));
  Bounds bounds;
  const int upper_limit = StepLimit(p.a_plus, p.b_plus, p.delta_high);
  const int lower_limit = StepLimit(p.a_minus, p.b_minus, p.delta_low);
  const bool upper_first = p.order == v1::BOUND_ORDER_UPPER_FIRST;
  int& first = upper_first ? bounds.upper_steps : bounds.lower_steps;
  int& second = upper_first ? bounds.lower_steps : bounds.upper_steps;
  const int first_limit = upper_first ? upper_limit : lower_limit;
  const int second_limit = upper_first ? lower_limit : upper_limit;
  while (true) {
    bounds.low = p.a_minus + bounds.lower_steps * p.delta_low;
    bounds.high = p.a_plus + bounds.upper_steps * p.delta_high;
    bounds.contribution = rule.At(bounds.low, bounds.high);
    ++bounds.evaluations;
    if (bounds.contribution >= p.rho0 || second >= second_limit) return bounds;
    ++(first < first_limit ? first : second);
  }
}

std::unique_ptr<PolicyObjective> BapoObjective::BoundTo(const ObjectiveInputs& mini_batch) const {
  const Bounds bounds = FindBounds(mini_batch);
  return std::make_unique<GrpoClipObjective>(
      GrpoClipObjective::Parameters{.clip_low = 1 - bounds.low,
                                    .clip_high = bounds.high - 1,
                                    .dual_clip = parameters_.dual_clip,
                                    .log_ratio_clamp = parameters_.log_ratio_clamp});
}

ObjectiveOutputs BapoObjective::Evaluate(const ObjectiveInputs& in) const { return BoundTo(in)->Evaluate(in); }

}  // namespace maspo
