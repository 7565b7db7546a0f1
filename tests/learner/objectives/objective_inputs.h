#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "learner/objectives/objective.h"
#include "services/base/spelling.h"

namespace maspo {

inline constexpr const char* kAllObjectives[] = {
    "maspo",    "grpo_clip", "clip_higher", "dac",     "entropy_reg", "adv_reweighting", "entropy_adv",
    "bapo",     "sapo",      "sapo_paper",  "gspo",    "gspo_token",  "cispo",           "gmpo",
    "clip_cov", "kl_cov",    "gppo",        "ce_gppo", "aspo"};

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
  in.key_T = torch::arange(in.logprobs_T.numel(), torch::kLong);
  return in;
}

// Responses of the given lengths; probabilities in (0, 1), log-ratios of standard deviation 0.5, an advantage a
// response (every third one 0).
inline ObjectiveInputs RandomResponses(const std::vector<int64_t>& lengths, uint64_t seed,
                                       torch::Dtype dtype = torch::kFloat) {
  torch::manual_seed(seed);
  const auto num_responses = static_cast<int64_t>(lengths.size());
  ObjectiveInputs in;
  in.num_responses = num_responses;
  in.response_T = torch::repeat_interleave(torch::arange(num_responses), torch::tensor(lengths, torch::kLong));
  const int64_t tokens = in.response_T.numel();
  const auto options = torch::TensorOptions(dtype);
  const auto advantages_R = torch::randn({num_responses}, options) * (torch::arange(num_responses) % 3 != 2);
  in.old_logprobs_T = -torch::rand({tokens}, options) * 5;
  in.logprobs_T = (in.old_logprobs_T + 0.5 * torch::randn({tokens}, options)).requires_grad_();
  in.advantages_T = advantages_R.index_select(0, in.response_T);
  in.entropy_T = torch::rand({tokens}, options) * 3;
  in.reference_logprobs_T = in.old_logprobs_T + 0.1 * torch::randn({tokens}, options);
  in.key_T = torch::randint(1 << 30, {tokens}, torch::kLong);
  return in;
}

// One response; its tokens have advantages of their own, of both signs and 0.
inline ObjectiveInputs RandomTokens(int64_t tokens, uint64_t seed, torch::Dtype dtype = torch::kFloat) {
  ObjectiveInputs in = RandomResponses({tokens}, seed, dtype);
  in.advantages_T = torch::randn({tokens}, in.old_logprobs_T.options()) * (torch::rand({tokens}) > 0.1);
  return in;
}

// d sum(weights * loss) / d logprobs.
inline torch::Tensor GradientOf(const torch::Tensor& loss_T, const ObjectiveInputs& in) {
  return torch::autograd::grad({loss_T.sum()}, {in.logprobs_T}, {}, /*retain_graph=*/true)[0];
}

inline v1::ObjectiveConfig Named(const std::string& name) {
  v1::ObjectiveConfig config;
  config.set_name(FromSpelling<v1::Objective>(name).value());
  return config;
}

inline std::unique_ptr<PolicyObjective> ObjectiveNamed(const std::string& name) { return *MakeObjective(Named(name)); }

inline bool AllClose(const torch::Tensor& a, const torch::Tensor& b, double relative = 1e-5, double absolute = 1e-7) {
  return torch::allclose(a, b, relative, absolute);
}

}  // namespace maspo
