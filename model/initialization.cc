#include "model/initialization.h"

#include <ATen/CPUGeneratorImpl.h>

#include <cmath>

#include "absl/strings/match.h"

namespace maspo {
namespace {

constexpr double kEmbeddingDeviation = 0.05;

double DeviationOf(const Parameter& parameter, const ModelConfig& config) {
  if (absl::StrContains(parameter.name, "embed")) return kEmbeddingDeviation;
  const double deviation = 1.0 / std::sqrt(static_cast<double>(parameter.shape.back()));  // [out, in]
  const bool writes_residual =
      absl::StrContains(parameter.name, "o_proj") || absl::StrContains(parameter.name, "down_proj");
  return writes_residual ? deviation / std::sqrt(2.0 * static_cast<double>(config.num_layers)) : deviation;
}

}  // namespace

void InitializeRandomly(ParameterSet& parameters, const ModelConfig& config, uint64_t seed) {
  torch::NoGradGuard no_grad;
  at::Generator generator = at::detail::createCPUGenerator(seed);
  for (ParameterBucket& bucket : parameters.buckets()) {
    for (Parameter& parameter : bucket.parameters) {
      torch::Tensor values = torch::empty(parameter.shape, torch::kFloat32);
      if (parameter.shape.size() > 1) {
        values.normal_(0, DeviationOf(parameter, config), generator);
      } else {
        values.fill_(absl::EndsWith(parameter.name, ".bias") ? 0.0 : 1.0);
      }
      parameter.view.copy_(values);
    }
  }
}

}  // namespace maspo
