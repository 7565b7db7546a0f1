#pragma once

#include <tuple>

#include "model/torch.h"

namespace maspo {

// The parts of a decoder block between its matrix products. T tokens, C hidden size, H query heads, K key/value heads,
// D head dimension, E = D / 2, I intermediate size.
//
// Float32 and bfloat16 on the CPU run in our kernels, each an autograd node that keeps its inputs only. Anything else
// runs in plain torch operations, which are also what the kernels are tested against.
//
// Kernels compute in float32. In bfloat16 each function, and attention in the learner and in the sampler alike, rounds
// its result once, at its end: both sides round at the same places. A float32 sum in another order may still round the
// other way, and that grows with the number of layers.

// x * rsqrt(mean(x^2) + eps) * weight
torch::Tensor RmsNorm(const torch::Tensor& x_TC, const torch::Tensor& weight_C, double eps);

// Splits the fused projection and rotates queries and keys: pair (e, e + E) of a head turns by the token's angle.
// qkv [T, (H + 2K) * D], cos and sin [T, 1, E] -> q [T, H, D], k [T, K, D], v [T, K, D]
std::tuple<torch::Tensor, torch::Tensor, torch::Tensor> SplitAndRotate(const torch::Tensor& qkv,
                                                                       const torch::Tensor& cos_T1E,
                                                                       const torch::Tensor& sin_T1E, int64_t num_heads,
                                                                       int64_t num_kv_heads);

// silu(gate) * up, gate and up side by side. [T, 2I] -> [T, I]
torch::Tensor SwiGlu(const torch::Tensor& gate_up);

// Whether our kernels take this tensor.
bool HasCpuKernel(const torch::Tensor& x);

// As our kernels read it: float32 without gaps. What is so already is not copied.
torch::Tensor Widened(const torch::Tensor& x);

}  // namespace maspo
