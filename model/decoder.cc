#include "model/decoder.h"

#include "model/fused_ops.h"

namespace maspo {

using torch::Tensor;

Decoder::Decoder(const ModelConfig& config, torch::Device device) : config_(config) {
  const auto options = torch::TensorOptions().dtype(torch::kFloat32).device(device);
  const Tensor exponents = torch::arange(0, config.head_dim, 2, options) / static_cast<double>(config.head_dim);
  inverse_frequencies_E_ = torch::pow(config.rope_theta, exponents).reciprocal();
}

RotaryAngles Decoder::AnglesAt(const Tensor& positions_T, torch::Dtype dtype) const {
  const Tensor angles_T1E = (positions_T.unsqueeze(-1) * inverse_frequencies_E_).unsqueeze(1);
  return {angles_T1E.cos().to(dtype), angles_T1E.sin().to(dtype)};
}

Tensor Decoder::Block(int layer, const BlockWeights& weights, const RotaryAngles& angles, AttentionContext& attention,
                      const Tensor& x_TC) const {
  const Tensor normed_TC = RmsNorm(x_TC, weights[kInputNorm], config_.rms_norm_eps);
  const Tensor qkv = torch::linear(normed_TC, weights[kQkvWeight], weights[kQkvBias]);
  const auto [q_THD, k_TKD, v_TKD] =
      SplitAndRotate(qkv, angles.cos_T1E, angles.sin_T1E, config_.num_heads, config_.num_kv_heads);
  const Tensor mixed_THD = attention.Attend(layer, q_THD, k_TKD, v_TKD);
  const Tensor y_TC = torch::addmm(x_TC, mixed_THD.flatten(1), weights[kOutWeight].t());
  const Tensor mlp_in_TC = RmsNorm(y_TC, weights[kPostNorm], config_.rms_norm_eps);
  const Tensor gated_TI = SwiGlu(torch::linear(mlp_in_TC, weights[kGateUpWeight]));
  return torch::addmm(y_TC, gated_TI, weights[kDownWeight].t());
}

Tensor Decoder::Norm(const Tensor& weight_C, const Tensor& x_TC) const {
  return RmsNorm(x_TC, weight_C, config_.rms_norm_eps);
}

}  // namespace maspo
