#include "learner/update/adamw.h"

#include <cmath>

namespace maspo {

AdamW::AdamW(std::shared_ptr<ParameterSet> parameters, const v1::OptimizerConfig& config)
    : parameters_(std::move(parameters)),
      beta1_(config.beta1()),
      beta2_(config.beta2()),
      eps_(config.eps()),
      weight_decay_(config.weight_decay()),
      max_grad_norm_(config.max_grad_norm()) {
  for (const ParameterBucket& bucket : parameters_->buckets()) {
    first_moments_.push_back(torch::zeros_like(bucket.values, torch::kFloat32));
    second_moments_.push_back(torch::zeros_like(bucket.values, torch::kFloat32));
  }
}

AdamW::Result AdamW::Step(double learning_rate) {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> values, grads, norms, steps;
  for (const ParameterBucket& bucket : parameters_->buckets()) {
    values.push_back(bucket.values);
    grads.push_back(bucket.grads);
    norms.push_back(bucket.grads.norm());
  }
  Result result;
  result.grad_norm = torch::stack(norms).norm().item<double>();
  result.applied = std::isfinite(result.grad_norm);
  if (result.applied) {
    ++num_updates_;
    if (max_grad_norm_ > 0 && result.grad_norm > max_grad_norm_) {
      const double scale = max_grad_norm_ / (result.grad_norm + 1e-6);
      for (torch::Tensor& grad : grads) grad.mul_(scale);
    }
    for (const torch::Tensor& value : values) {
      steps.push_back(torch::full({}, static_cast<double>(num_updates_), value.options().dtype(torch::kFloat32)));
    }
    at::_fused_adamw_(values, grads, first_moments_, second_moments_, /*max_exp_avg_sqs=*/{}, steps, learning_rate,
                      beta1_, beta2_, weight_decay_, eps_, /*amsgrad=*/false, /*maximize=*/false);
  }
  parameters_->ZeroGrads();
  return result;
}

void AdamW::Restore(const std::vector<torch::Tensor>& first_moments, const std::vector<torch::Tensor>& second_moments,
                    int64_t num_updates) {
  for (size_t i = 0; i < first_moments_.size(); ++i) {
    first_moments_[i].copy_(first_moments[i]);
    second_moments_[i].copy_(second_moments[i]);
  }
  num_updates_ = num_updates;
}

}  // namespace maspo
