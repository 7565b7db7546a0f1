// objective_figures: writes, as CSV on standard output, the factor F by which each objective changes the gradient of
// the plain importance-weighted policy gradient -rho A, over the ratio rho, for old probabilities and both signs of A.
//
//   objective,old_probability,advantage,ratio,factor
//
// F is read off the gradient that autograd gives, so it is what training sees. Every token is a response of its own.
// scripts/figures draws docs/figures from it.
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "learner/objectives/objective.h"
#include "services/base/spelling.h"

namespace maspo {
namespace {

constexpr double kOldProbabilities[] = {0.001, 0.01, 0.1, 0.5, 0.9};
constexpr double kLargestRatio = 4;
constexpr int kPoints = 400;

// The objectives whose gradient at a token is a function of its own ratio, probability and advantage. BAPO at the
// bounds that it starts from; Clip-Cov and KL-Cov choose tokens of a mini-batch and have no curve.
std::vector<v1::ObjectiveConfig> Drawn() {
  std::vector<v1::ObjectiveConfig> configs;
  for (const v1::Objective name :
       {v1::OBJECTIVE_MASPO, v1::OBJECTIVE_GRPO_CLIP, v1::OBJECTIVE_CLIP_HIGHER, v1::OBJECTIVE_DAC,
        v1::OBJECTIVE_ADV_REWEIGHTING, v1::OBJECTIVE_BAPO, v1::OBJECTIVE_SAPO, v1::OBJECTIVE_CISPO, v1::OBJECTIVE_GMPO,
        v1::OBJECTIVE_GSPO, v1::OBJECTIVE_GPPO, v1::OBJECTIVE_CE_GPPO, v1::OBJECTIVE_ASPO}) {
    configs.emplace_back().set_name(name);
    if (name == v1::OBJECTIVE_BAPO) configs.back().set_rho0(0);
  }
  return configs;
}

// Ratios above 0, up to where the probability would exceed 1.
std::vector<double> RatiosFor(double old_probability) {
  std::vector<double> ratios;
  for (int i = 1; i <= kPoints; ++i) {
    const double ratio = kLargestRatio * i / kPoints;
    if (ratio * old_probability <= 1) ratios.push_back(ratio);
  }
  return ratios;
}

torch::Tensor Factors(const PolicyObjective& objective, const torch::Tensor& ratio_T, double old_probability,
                      double advantage) {
  const int64_t tokens = ratio_T.numel();
  ObjectiveInputs in;
  in.old_logprobs_T = torch::full({tokens}, std::log(old_probability), torch::kDouble);
  in.logprobs_T = (in.old_logprobs_T + torch::log(ratio_T)).requires_grad_();
  in.advantages_T = torch::full({tokens}, advantage, torch::kDouble);
  in.entropy_T = torch::zeros({tokens}, torch::kDouble);
  in.response_T = torch::arange(tokens);
  in.num_responses = tokens;
  objective.Evaluate(in).loss_T.sum().backward();
  return in.logprobs_T.grad() / (-ratio_T * advantage);
}

void Write(const v1::ObjectiveConfig& config) {
  const auto objective = *MakeObjective(config);
  for (const double old_probability : kOldProbabilities) {
    const std::vector<double> ratios = RatiosFor(old_probability);
    const auto ratio_T = torch::tensor(ratios, torch::kDouble);
    for (const double advantage : {1.0, -1.0}) {
      const auto factor_T = Factors(*objective, ratio_T, old_probability, advantage);
      for (size_t i = 0; i < ratios.size(); ++i) {
        std::printf("%s,%g,%g,%g,%.6g\n", Spelling(config.name()).c_str(), old_probability, advantage, ratios[i],
                    factor_T[static_cast<int64_t>(i)].item<double>());
      }
    }
  }
}

}  // namespace
}  // namespace maspo

int main() {
  std::puts("objective,old_probability,advantage,ratio,factor");
  for (const auto& config : maspo::Drawn()) maspo::Write(config);
}
