#include "model/logprobs.h"

#include <algorithm>
#include <vector>

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

struct RowRange {
  int64_t begin;
  int64_t count;
};

// Consecutive ranges of at most limit / width rows each (or the fewest). The first is what is left over by the others.
std::vector<RowRange> Chunks(int64_t num_rows, int64_t width, int64_t limit) {
  const int64_t step = std::max(kFewestRowsPerChunk, limit / width);
  std::vector<RowRange> chunks;
  for (int64_t end = num_rows; end > 0; end -= step)
    chunks.push_back({std::max<int64_t>(0, end - step), std::min(step, end)});
  std::reverse(chunks.begin(), chunks.end());
  return chunks;
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
  const auto of_target = [&](const Tensor& x) { return x.gather(-1, target.unsqueeze(-1)).squeeze(-1); };
  const Tensor all = logits.log_softmax(-1);
  logprobs.copy_(of_target(all));
  normalizer.copy_(of_target(logits) - logprobs);
  entropy.copy_(torch::linalg_vecdot(all.exp(), all).neg_());
}

// In place, d logprob / dz = onehot(target) - p and d entropy / dz = -p (log p + entropy), each times its gradient.
// That of the entropy is undefined where it has none.
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
  logits.sub_(normalizer.unsqueeze(-1));
  if (grad_entropy.defined()) {
    const Tensor p = logits.exp(), offset = torch::addcmul(grad_logprob, grad_entropy, entropy);
    logits.mul_(grad_entropy.neg().unsqueeze(-1)).sub_(offset.unsqueeze(-1)).mul_(p);
  } else {
    logits.exp_().mul_(grad_logprob.neg().unsqueeze(-1));
  }
  logits.scatter_add_(-1, target.unsqueeze(-1), grad_logprob.unsqueeze(-1));
}

// Keeps hidden states, log-normaliser and entropy, and of the logits those of the last chunk, with which backward
// begins:
//
//   forward     chunk 1, chunk 2, ..., chunk n        each in the memory of the one before, the last one stays
//   backward    chunk n, ..., chunk 2, chunk 1        all but chunk n are computed again
struct LogprobsFunction : torch::autograd::Function<LogprobsFunction> {
  static tensor_list forward(AutogradContext* context, const Tensor& hidden_NC, const Tensor& head_VC,
                             const Tensor& target_N, double temperature, int64_t limit, bool for_backward) {
    Tensor logprobs_N = torch::empty({hidden_NC.size(0)}, hidden_NC.options().dtype(WideDtype(hidden_NC)));
    Tensor entropy_N = torch::empty_like(logprobs_N), normalizer_N = torch::empty_like(logprobs_N);
    Tensor logits;
    for (const RowRange& rows : Chunks(hidden_NC.size(0), head_VC.size(0), limit)) {
      const auto chunk = [&](const Tensor& x) { return x.narrow(0, rows.begin, rows.count); };
      logits = Tensor();  // Its memory is free before the next chunk's is taken.
      logits = TemperedLogits(chunk(hidden_NC), head_VC, temperature);
      ReadLogits(logits, chunk(target_N), chunk(normalizer_N), chunk(logprobs_N), chunk(entropy_N));
    }
    context->set_materialize_grads(false);
    context->save_for_backward({hidden_NC, head_VC, target_N, normalizer_N, entropy_N});
    if (for_backward) context->saved_data[kLastLogits] = logits;
    context->saved_data["temperature"] = temperature;
    context->saved_data["limit"] = limit;
    return {logprobs_N, entropy_N};
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& grads) {
    const auto saved = context->get_saved_variables();
    const Tensor &hidden_NC = saved[0], &head_VC = saved[1], &target_N = saved[2], &normalizer_N = saved[3];
    const Tensor& entropy_N = saved[4];
    const double temperature = context->saved_data["temperature"].toDouble();
    const bool has_entropy_grad = grads[1].defined() || HasCpuKernel(entropy_N);
    const Tensor grad_logprobs_N = OrZeros(grads[0], entropy_N),
                 grad_entropy_N = has_entropy_grad ? OrZeros(grads[1], entropy_N) : Tensor();
    // That of the head is summed over all rows, in float32 at least, and rounded once.
    Tensor grad_hidden = torch::empty_like(hidden_NC), grad_head = torch::zeros_like(head_VC, WideDtype(head_VC));
    Tensor logits = TakeLastLogits(*context);
    auto chunks = Chunks(hidden_NC.size(0), head_VC.size(0), context->saved_data["limit"].toInt());
    for (; !chunks.empty(); chunks.pop_back()) {
      const RowRange rows = chunks.back();
      const auto chunk = [rows](const Tensor& x) { return x.narrow(0, rows.begin, rows.count); };
      const Tensor hidden = chunk(hidden_NC);
      if (!logits.defined()) logits = TemperedLogits(hidden, head_VC, temperature);
      LogitsToGradient(logits, chunk(target_N), chunk(normalizer_N), chunk(entropy_N), chunk(grad_logprobs_N),
                       has_entropy_grad ? chunk(grad_entropy_N) : Tensor());
      if (temperature != 1.0) logits.div_(temperature);
      const Tensor grad_logits = logits.to(hidden.scalar_type());
      Tensor grad_hidden_chunk = chunk(grad_hidden);
      torch::mm_out(grad_hidden_chunk, grad_logits, head_VC);
      if (grad_head.scalar_type() == hidden.scalar_type()) {
        grad_head.addmm_(grad_logits.t(), hidden);
      } else {
        grad_head.add_(grad_logits.t().matmul(hidden));
      }
      logits = Tensor();
    }
    return {grad_hidden, grad_head.to(head_VC.scalar_type()), Tensor(), Tensor(), Tensor(), Tensor()};
  }

 private:
  static constexpr char kLastLogits[] = "last_logits";

  static Tensor OrZeros(const Tensor& grad, const Tensor& like) {
    return grad.defined() ? grad.contiguous() : torch::zeros_like(like);
  }

  // Undefined the second time, as they become gradients in place: a second backward computes them again.
  static Tensor TakeLastLogits(AutogradContext& context) {
    const auto found = context.saved_data.find(kLastLogits);
    if (found == context.saved_data.end()) return {};
    Tensor logits = found->second.toTensor();
    context.saved_data.erase(found);
    return logits;
  }
};

}  // namespace

TokenLogprobs LogprobsAndEntropy(const Tensor& hidden_NC, const Tensor& head_VC, const Tensor& target_N,
                                 double temperature, int64_t logits_per_chunk) {
  const bool for_backward = torch::GradMode::is_enabled() && (hidden_NC.requires_grad() || head_VC.requires_grad());
  const auto out = LogprobsFunction::apply(hidden_NC, head_VC, target_N, temperature, logits_per_chunk, for_backward);
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
