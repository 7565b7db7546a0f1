#include "model/fused_ops.h"

#include "model/kernels/parallel.h"
#include "model/kernels/row_kernels.h"

namespace maspo {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& input, const Tensor& weight, double eps) {
    const Tensor x = Widened(input), weight_C = Widened(weight);
    const int64_t width = x.size(-1);
    Tensor y = torch::empty_like(x), inverse_rms = torch::empty({x.size(0)}, x.options());
    kernels::ForRowBlocks(x.size(0), [&](int64_t, int64_t begin, int64_t rows) {
      kernels::RmsNormForward(x.const_data_ptr<float>() + begin * width, weight_C.const_data_ptr<float>(),
                              static_cast<float>(eps), rows, width, y.data_ptr<float>() + begin * width,
                              inverse_rms.data_ptr<float>() + begin);
    });
    context->save_for_backward({input, weight, inverse_rms});
    return y.to(input.scalar_type());
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& grads) {
    const auto saved = context->get_saved_variables();
    const Tensor x = Widened(saved[0]), weight = Widened(saved[1]), grad = Widened(grads[0]);
    const Tensor& inverse_rms = saved[2];
    const int64_t width = x.size(-1);
    Tensor grad_x = torch::empty_like(x);
    Tensor grad_weights = torch::zeros({kernels::NumRowBlocks(x.size(0)), width}, x.options());
    kernels::ForRowBlocks(x.size(0), [&](int64_t block, int64_t begin, int64_t rows) {
      kernels::RmsNormBackward(grad.const_data_ptr<float>() + begin * width, x.const_data_ptr<float>() + begin * width,
                               weight.const_data_ptr<float>(), inverse_rms.const_data_ptr<float>() + begin, rows, width,
                               grad_x.data_ptr<float>() + begin * width,
                               grad_weights.data_ptr<float>() + block * width);
    });
    return {grad_x.to(saved[0].scalar_type()), grad_weights.sum(0).to(saved[1].scalar_type()), Tensor()};
  }
};

// Between a row of the fused projection (query heads, key heads, value heads) and q, k, v.
struct SplitAndRotateFunction : torch::autograd::Function<SplitAndRotateFunction> {
  static tensor_list forward(AutogradContext* context, const Tensor& fused, const Tensor& cos_T1E,
                             const Tensor& sin_T1E, int64_t num_heads, int64_t num_kv_heads) {
    const Tensor qkv = Widened(fused), cos = Widened(cos_T1E), sin = Widened(sin_T1E);
    const int64_t half = cos.size(-1), dim = 2 * half, width = qkv.size(1), tokens = qkv.size(0);
    Tensor q = torch::empty({tokens, num_heads, dim}, qkv.options());
    Tensor k = torch::empty({tokens, num_kv_heads, dim}, qkv.options());
    kernels::ForRowBlocks(tokens, [&](int64_t, int64_t begin, int64_t rows) {
      const float* source = qkv.const_data_ptr<float>() + begin * width;
      const float *c = cos.const_data_ptr<float>() + begin * half, *s = sin.const_data_ptr<float>() + begin * half;
      kernels::RotateHeads(source, width, c, s, 1, rows, num_heads, half, q.data_ptr<float>() + begin * num_heads * dim,
                           num_heads * dim);
      kernels::RotateHeads(source + num_heads * dim, width, c, s, 1, rows, num_kv_heads, half,
                           k.data_ptr<float>() + begin * num_kv_heads * dim, num_kv_heads * dim);
    });
    context->save_for_backward({cos_T1E, sin_T1E});
    const Tensor v = fused.narrow(1, (num_heads + num_kv_heads) * dim, num_kv_heads * dim);
    return {q.to(fused.scalar_type()), k.to(fused.scalar_type()), v.contiguous().view({tokens, num_kv_heads, dim})};
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& grads) {
    const auto saved = context->get_saved_variables();
    const Tensor cos = Widened(saved[0]), sin = Widened(saved[1]);
    const Tensor grad_q = Widened(grads[0]), grad_k = Widened(grads[1]);
    const int64_t tokens = grad_q.size(0), num_heads = grad_q.size(1), num_kv_heads = grad_k.size(1);
    const int64_t half = cos.size(-1), dim = 2 * half, width = (num_heads + 2 * num_kv_heads) * dim;
    Tensor grad_qkv = torch::empty({tokens, width}, grad_q.options());
    kernels::ForRowBlocks(tokens, [&](int64_t, int64_t begin, int64_t rows) {
      float* target = grad_qkv.data_ptr<float>() + begin * width;
      const float *c = cos.const_data_ptr<float>() + begin * half, *s = sin.const_data_ptr<float>() + begin * half;
      kernels::RotateHeads(grad_q.const_data_ptr<float>() + begin * num_heads * dim, num_heads * dim, c, s, -1, rows,
                           num_heads, half, target, width);
      kernels::RotateHeads(grad_k.const_data_ptr<float>() + begin * num_kv_heads * dim, num_kv_heads * dim, c, s, -1,
                           rows, num_kv_heads, half, target + num_heads * dim, width);
    });
    grad_qkv.narrow(1, (num_heads + num_kv_heads) * dim, num_kv_heads * dim).copy_(grads[2].flatten(1));
    return {grad_qkv.to(grads[0].scalar_type()), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

struct SwiGluFunction : torch::autograd::Function<SwiGluFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& input) {
    const Tensor gate_up = Widened(input);
    const int64_t width = gate_up.size(1) / 2;
    Tensor y = torch::empty({gate_up.size(0), width}, gate_up.options());
    kernels::ForRowBlocks(gate_up.size(0), [&](int64_t, int64_t begin, int64_t rows) {
      kernels::SwiGluForward(gate_up.const_data_ptr<float>() + 2 * begin * width, rows, width,
                             y.data_ptr<float>() + begin * width);
    });
    context->save_for_backward({input});
    return y.to(input.scalar_type());
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& grads) {
    const Tensor input = context->get_saved_variables()[0];
    const Tensor gate_up = Widened(input), grad = Widened(grads[0]);
    const int64_t width = gate_up.size(1) / 2;
    Tensor grad_gate_up = torch::empty_like(gate_up);
    kernels::ForRowBlocks(gate_up.size(0), [&](int64_t, int64_t begin, int64_t rows) {
      kernels::SwiGluBackward(grad.const_data_ptr<float>() + begin * width,
                              gate_up.const_data_ptr<float>() + 2 * begin * width, rows, width,
                              grad_gate_up.data_ptr<float>() + 2 * begin * width);
    });
    return {grad_gate_up.to(input.scalar_type())};
  }
};

Tensor Rotated(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  const auto halves = x.chunk(2, -1);
  return torch::cat({halves[0] * cos - halves[1] * sin, halves[1] * cos + halves[0] * sin}, -1);
}

}  // namespace

bool HasCpuKernel(const Tensor& x) {
  return x.device().is_cpu() && (x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kBFloat16);
}

Tensor Widened(const Tensor& x) { return x.to(torch::kFloat32).contiguous(); }

Tensor RmsNorm(const Tensor& x_TC, const Tensor& weight_C, double eps) {
  if (HasCpuKernel(x_TC)) return RmsNormFunction::apply(x_TC, weight_C, eps);
  return torch::rms_norm(x_TC, {x_TC.size(-1)}, weight_C, eps);
}

std::tuple<Tensor, Tensor, Tensor> SplitAndRotate(const Tensor& qkv, const Tensor& cos_T1E, const Tensor& sin_T1E,
                                                  int64_t num_heads, int64_t num_kv_heads) {
  if (HasCpuKernel(qkv)) {
    const auto parts = SplitAndRotateFunction::apply(qkv, cos_T1E, sin_T1E, num_heads, num_kv_heads);
    return {parts[0], parts[1], parts[2]};
  }
  const auto parts = qkv.view({qkv.size(0), num_heads + 2 * num_kv_heads, 2 * cos_T1E.size(-1)})
                         .split_with_sizes({num_heads, num_kv_heads, num_kv_heads}, 1);
  return {Rotated(parts[0], cos_T1E, sin_T1E), Rotated(parts[1], cos_T1E, sin_T1E), parts[2]};
}

Tensor SwiGlu(const Tensor& gate_up) {
  if (HasCpuKernel(gate_up)) return SwiGluFunction::apply(gate_up);
  const auto halves = gate_up.chunk(2, -1);
  return torch::silu(halves[0]) * halves[1];
}

}  // namespace maspo
