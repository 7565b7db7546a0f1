#pragma once

#include <array>
#include <memory>

#include "model/attention.h"
#include "model/model_config.h"
#include "model/parameter_layout.h"
#include "model/torch.h"

namespace maspo {

// The decoder of Qwen2 (RMSNorm, RoPE, grouped-query attention with QKV bias, SwiGLU), a function of its weights: the
// sampler calls it with weights that are there, the learner block by block with weights that come and go.
//
// Shape letters: T packed tokens without padding, C hidden size, E half a head's dimension, V vocabulary.
// LibTorch errors (shapes, memory) are thrown as c10::Error. Thread-safe.

// Weights of a block, in the order of BlockParameter.
using BlockWeights = std::array<torch::Tensor, kNumBlockParameters>;

// What every block of one forward shares: where the tokens are.
struct RotaryAngles {
  torch::Tensor cos_T1E, sin_T1E;
};

class Decoder {
 public:
  Decoder(const ModelConfig& config, torch::Device device);

  // positions_T int64, on the device.
  RotaryAngles AnglesAt(const torch::Tensor& positions_T, torch::Dtype dtype) const;

  // [T, C] -> [T, C]
  torch::Tensor Block(int layer, const BlockWeights& weights, const RotaryAngles& angles, AttentionContext& attention,
                      const torch::Tensor& x_TC) const;

  // The final norm. [T, C] -> [T, C]
  torch::Tensor Norm(const torch::Tensor& weight_C, const torch::Tensor& x_TC) const;

  const ModelConfig& config() const { return config_; }

 private:
  const ModelConfig config_;
  torch::Tensor inverse_frequencies_E_;  // float32
};

}  // namespace maspo
