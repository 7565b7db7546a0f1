#pragma once

#include <cmath>
#include <vector>

#include "learner/objectives/objective.h"

namespace maspo {

// Tokens of one response with given probabilities, ratios and advantages.
struct Token {
  double old_probability = 0.5;
  double ratio = 1;
  double advantage = 1;
};

inline ObjectiveInputs InputsOf(const std::vector<Token>& tokens) {
  std::vector<double> logprobs, old_logprobs, advantages;
  for (const Token& token : tokens) {
    old_logprobs.push_back(std::log(token.old_probability));
    logprobs.push_back(old_logprobs.back() + std::log(token.ratio));
    advantages.push_back(token.advantage);
  }
  const auto float32 = [](const std::vector<double>& values) {
    return torch::tensor(values, torch::kDouble).to(torch::kFloat);
  };
  ObjectiveInputs in;
  in.logprobs_T = float32(logprobs).requires_grad_();
  in.old_logprobs_T = float32(old_logprobs);
  in.advantages_T = float32(advantages);
  in.entropy_T = torch::zeros_like(in.old_logprobs_T);
  in.response_T = torch::zeros({in.logprobs_T.numel()}, torch::kLong);
  in.num_responses = 1;
  return in;
}

// T tokens with probabilities in (0, 1), log-ratios of standard deviation 0.5 and advantages of both signs and 0.
inline ObjectiveInputs RandomInputs(int64_t tokens, uint64_t seed) {
  torch::manual_seed(seed);
  ObjectiveInputs in;
  in.old_logprobs_T = -torch::rand({tokens}) * 5;
  in.logprobs_T = (in.old_logprobs_T + 0.5 * torch::randn({tokens})).requires_grad_();
  in.advantages_T = torch::randn({tokens}) * (torch::rand({tokens}) > 0.1).to(torch::kFloat);
  in.entropy_T = torch::rand({tokens}) * 3;
  in.response_T = torch::zeros({tokens}, torch::kLong);
  in.num_responses = 1;
  return in;
}

inline torch::Tensor GradientOf(const torch::Tensor& loss_T, const ObjectiveInputs& in) {
  return torch::autograd::grad({loss_T.sum()}, {in.logprobs_T}, {}, /*retain_graph=*/true)[0];
}

inline std::unique_ptr<PolicyObjective> ObjectiveNamed(const std::string& name) {
  v1::ObjectiveConfig config;
  config.set_name(name);
  return *MakeObjective(config);
}

}  // namespace maspo
