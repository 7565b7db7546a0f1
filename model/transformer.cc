#include "model/transformer.h"

#include "model/fused_ops.h"
#include "services/base/status_macros.h"

namespace maspo {

using torch::Tensor;

Transformer::Transformer(ModelConfig config, std::shared_ptr<ParameterSet> parameters) : config_(std::move(config)) {
  SetParameters(std::move(parameters));
  const auto options = torch::TensorOptions().dtype(torch::kFloat32).device(device());
  const Tensor exponents = torch::arange(0, config_.head_dim, 2, options) / static_cast<double>(config_.head_dim);
  inverse_frequencies_E_ = torch::pow(config_.rope_theta, exponents).reciprocal();
}

void Transformer::SetParameters(std::shared_ptr<ParameterSet> parameters) {
  MASPO_CHECK(parameters->buckets().size() == static_cast<size_t>(config_.num_layers) + 2);
  parameters_ = std::move(parameters);
}

torch::Device Transformer::device() const { return parameters_->device(); }

Tensor Transformer::Forward(const Tensor& ids_T, const Tensor& positions_T, AttentionContext& attention) const {
  const ParameterSet& weights = *parameters_;
  const Tensor angles_T1E = (positions_T.unsqueeze(-1) * inverse_frequencies_E_).unsqueeze(1);
  const Tensor cos_T1E = angles_T1E.cos().to(weights.dtype()), sin_T1E = angles_T1E.sin().to(weights.dtype());
  Tensor x_TC = torch::embedding(weights.embedding(), ids_T);
  for (int layer = 0; layer < config_.num_layers; ++layer) {
    const Tensor normed_TC = RmsNorm(x_TC, weights.block(layer, kInputNorm), config_.rms_norm_eps);
    const Tensor qkv = torch::linear(normed_TC, weights.block(layer, kQkvWeight), weights.block(layer, kQkvBias));
    const auto [q_THD, k_TKD, v_TKD] = SplitAndRotate(qkv, cos_T1E, sin_T1E, config_.num_heads, config_.num_kv_heads);
    const Tensor mixed_THD = attention.Attend(layer, q_THD, k_TKD, v_TKD);
    x_TC = torch::addmm(x_TC, mixed_THD.flatten(1), weights.block(layer, kOutWeight).t());
    const Tensor mlp_in_TC = RmsNorm(x_TC, weights.block(layer, kPostNorm), config_.rms_norm_eps);
    const Tensor gated_TI = SwiGlu(torch::linear(mlp_in_TC, weights.block(layer, kGateUpWeight)));
    x_TC = torch::addmm(x_TC, gated_TI, weights.block(layer, kDownWeight).t());
  }
  return RmsNorm(x_TC, weights.final_norm(), config_.rms_norm_eps);
}

Tensor Transformer::Logits(const Tensor& hidden_NC) const {
  return torch::linear(hidden_NC, parameters_->head()).to(torch::kFloat32);
}

}  // namespace maspo
