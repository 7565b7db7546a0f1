#include "model/logprobs.h"

#include <algorithm>

#include "model/fused_ops.h"
#include "model/kernels/parallel.h"
#include "model/kernels/row_kernels.h"
#include "model/packed_attention.h"

namespace maspo {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Fewer rows would leave the products with the head waiting for memory.
constexpr int64_t kFewestRowsPerChunk = 256;
constexpr int64_t kLogitRowsPerTask = 16;

// Calls visit(begin, count) for consecutive ranges of rows, each of at most limit / width rows (or the fewest).
template <typename Visit>
void ForEachChunk(int64_t num_rows, int64_t width, int64_t limit, Visit visit) {
  const int64_t step = std::max(kFewestRowsPerChunk, limit / width);
  for (int64_t begin = 0; begin < num_rows; begin += step) visit(begin, std::min(step, num_rows - begin));
}

// Logits and what is computed from them: float32 at least.
torch::Dtype WideDtype(const Tensor& x) {
  return x.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
}

Tensor TemperedLogits(const Tensor& hidden, const Tensor& head, double temperature) {
  Tensor logits = hidden.matmul(head.t()).to(WideDtype(hidden));
  return temperature == 1.0 ? logits : logits.div_(temperature);
}

// One chunk's log-normaliser, log-probabilities and entropies. entropy = -sum p log p = log Z - sum p z
void ReadLogits(const Tensor& logits, const Tensor& target, Tensor normalizer, Tensor logprobs, Tensor entropy) {
  if (HasCpuKernel(logits)) {
    kernels::ForRowBlocks(
        logits.size(0),
        [&](int64_t, int64_t begin, int64_t rows) {
          kernels::LogSoftmaxForward(logits.const_data_ptr<float>() + begin * logits.size(1),
                                     target.const_data_ptr<int64_t>() + begin, rows, logits.size(1),
                                     normalizer.data_ptr<float>() + begin, logprobs.data_ptr<float>() + begin,
                                     entropy.data_ptr<float>() + begin);
        },
        kLogitRowsPerTask);
    return;
  }
  normalizer.copy_(logits.logsumexp(-1));
  logprobs.copy_(logits.gather(-1, target.unsqueeze(-1)).squeeze(-1) - normalizer);
  entropy.copy_(normalizer - torch::linalg_vecdot((logits - normalizer.unsqueeze(-1)).exp_(), logits));
}

// In place, d logprob / dz = onehot(target) - p and d entropy / dz = -p (log p + entropy), each times its gradient.
void LogitsToGradient(Tensor logits, const Tensor& target, const Tensor& normalizer, const Tensor& entropy,
                      const Tensor& grad_logprob, const Tensor& grad_entropy) {
  if (HasCpuKernel(logits)) {
    kernels::ForRowBlocks(
        logits.size(0),
        [&](int64_t, int64_t begin, int64_t rows) {
          kernels::LogSoftmaxBackward(
              logits.data_ptr<float>() + begin * logits.size(1), target.const_data_ptr<int64_t>() + begin,
              normalizer.const_data_ptr<float>() + begin, entropy.const_data_ptr<float>() + begin,
              grad_logprob.const_data_ptr<float>() + begin, grad_entropy.const_data_ptr<float>() + begin, rows,
              logits.size(1));
        },
        kLogitRowsPerTask);
    return;
  }
  const Tensor p = logits.sub_(normalizer.unsqueeze(-1)).exp();
  logits.add_(entropy.unsqueeze(-1)).mul_(grad_entropy.unsqueeze(-1)).add_(grad_logprob.unsqueeze(-1)).mul_(p).neg_();
  logits.scatter_add_(-1, target.unsqueeze(-1), grad_logprob.unsqueeze(-1));
}

// Keeps hidden states, log-normaliser and entropy, not logits.
struct LogprobsFunction : torch::autograd::Function<LogprobsFunction> {
  static tensor_list forward(AutogradContext* context, const Tensor& hidden_NC, const Tensor& head_VC,
                             const Tensor& target_N, double temperature, int64_t limit) {
    Tensor logprobs_N = torch::empty({hidden_NC.size(0)}, hidden_NC.options().dtype(WideDtype(hidden_NC)));
    Tensor entropy_N = torch::empty_like(logprobs_N), normalizer_N = torch::empty_like(logprobs_N);
    ForEachChunk(hidden_NC.size(0), head_VC.size(0), limit, [&](int64_t begin, int64_t count) {
      const auto chunk = [&](const Tensor& x) { return x.narrow(0, begin, count); };
      ReadLogits(TemperedLogits(chunk(hidden_NC), head_VC, temperature), chunk(target_N), chunk(normalizer_N),
                 chunk(logprobs_N), chunk(entropy_N));
    });
    context->save_for_backward({hidden_NC, head_VC, target_N, normalizer_N, entropy_N});
    context->saved_data["temperature"] = temperature;
    context->saved_data["limit"] = limit;
    return {logprobs_N, entropy_N};
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& grads) {
    const auto saved = context->get_saved_variables();
    const Tensor &hidden_NC = saved[0], &head_VC = saved[1], &target_N = saved[2], &normalizer_N = saved[3];
    const Tensor& entropy_N = saved[4];
    const double temperature = context->saved_data["temperature"].toDouble();
    const Tensor grad_logprobs_N = grads[0].contiguous(), grad_entropy_N = grads[1].contiguous();
    Tensor grad_hidden = torch::empty_like(hidden_NC), grad_head = torch::zeros_like(head_VC);
    ForEachChunk(hidden_NC.size(0), head_VC.size(0), context->saved_data["limit"].toInt(),
                 [&](int64_t begin, int64_t count) {
                   const auto chunk = [&](const Tensor& x) { return x.narrow(0, begin, count); };
                   const Tensor hidden = chunk(hidden_NC);
                   Tensor logits = TemperedLogits(hidden, head_VC, temperature);
                   LogitsToGradient(logits, chunk(target_N), chunk(normalizer_N), chunk(entropy_N),
                                    chunk(grad_logprobs_N), chunk(grad_entropy_N));
                   if (temperature != 1.0) logits.div_(temperature);
                   const Tensor grad_logits = logits.to(hidden.scalar_type());
                   Tensor grad_hidden_chunk = chunk(grad_hidden);
                   torch::mm_out(grad_hidden_chunk, grad_logits, head_VC);
                   grad_head.addmm_(grad_logits.t(), hidden);
                 });
    return {grad_hidden, grad_head, Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

TokenLogprobs LogprobsAndEntropy(const Tensor& hidden_NC, const Tensor& head_VC, const Tensor& target_N,
                                 double temperature, int64_t logits_per_chunk) {
  const auto out = LogprobsFunction::apply(hidden_NC, head_VC, target_N, temperature, logits_per_chunk);
  return {out[0], out[1]};
}

TokenLogprobs ResponseLogprobs(const Transformer& model, const PackedLayout& layout, double temperature,
                               int64_t logits_per_chunk) {
  const auto on_device = [&model](const std::vector<int64_t>& values) {
    return torch::tensor(values, torch::kInt64).to(model.device());
  };
  PackedAttention attention(layout, model.device());
  const Tensor hidden_TC = model.Forward(on_device(layout.ids_T), on_device(layout.positions_T), attention);
  // embedding() rather than index_select(): its backward is fast on the CPU.
  const Tensor hidden_NC = torch::embedding(hidden_TC, on_device(layout.predictor_N));
  return LogprobsAndEntropy(hidden_NC, model.shared_parameters()->head(), on_device(layout.target_N), temperature,
                            logits_per_chunk);
}

}  // namespace maspo
