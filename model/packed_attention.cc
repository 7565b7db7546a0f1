#include "model/packed_attention.h"

#include "model/fused_ops.h"
#include "model/kernels/parallel.h"
#include "model/padded_attention.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

using kernels::AttentionShape;
using kernels::AttentionTree;
using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;
using Trees = std::shared_ptr<const std::vector<AttentionTree>>;

// Trees as autograd keeps them between forward and backward.
struct TreesHolder : torch::CustomClassHolder {
  explicit TreesHolder(Trees kept) : trees(std::move(kept)) {}
  const Trees trees;
};

Trees TreesOf(const PackedLayout& layout) {
  auto trees = std::make_shared<std::vector<AttentionTree>>();
  auto response = layout.response_segments.begin();
  for (const PackedLayout::Segment& prompt : layout.prompt_segments) {
    trees->push_back({.prefix = {prompt.begin, prompt.length}, .continuations = {}});
    for (; response != layout.response_segments.end() && response->prompt_begin == prompt.begin; ++response) {
      trees->back().continuations.push_back({response->begin, response->length});
    }
  }
  MASPO_CHECK(response == layout.response_segments.end());
  return trees;
}

// Every tree and key/value head is a task of its own.
template <typename Body>
void ForTasks(const Trees& trees, const AttentionShape& shape, Body body) {
  kernels::ParallelFor(trees->size() * shape.num_kv_heads,
                       [&](int64_t task) { body((*trees)[task / shape.num_kv_heads], task % shape.num_kv_heads); });
}

struct TreeAttentionFunction : torch::autograd::Function<TreeAttentionFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& q_THD, const Tensor& k_TKD, const Tensor& v_TKD,
                        const Trees& trees) {
    const Tensor q = Widened(q_THD), k = Widened(k_TKD), v = Widened(v_TKD);
    const AttentionShape shape{q.size(1), k.size(1), q.size(2)};
    Tensor out = torch::empty_like(q), log_sum = torch::empty({q.size(0), q.size(1)}, q.options());
    ForTasks(trees, shape, [&](const AttentionTree& tree, int64_t kv_head) {
      kernels::AttentionForward(tree, shape, kv_head, q.const_data_ptr<float>(), k.const_data_ptr<float>(),
                                v.const_data_ptr<float>(), out.data_ptr<float>(), log_sum.data_ptr<float>());
    });
    const Tensor rounded = out.to(q_THD.scalar_type());
    context->save_for_backward({q_THD, k_TKD, v_TKD, rounded, log_sum});
    context->saved_data["trees"] = c10::IValue::make_capsule(c10::make_intrusive<TreesHolder>(trees));
    return rounded;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& grads) {
    const auto saved = context->get_saved_variables();
    const Tensor q = Widened(saved[0]), k = Widened(saved[1]), v = Widened(saved[2]), out = Widened(saved[3]);
    const Tensor &log_sum = saved[4], grad = Widened(grads[0]);
    const AttentionShape shape{q.size(1), k.size(1), q.size(2)};
    Tensor grad_q = torch::empty_like(q), grad_k = torch::empty_like(k), grad_v = torch::empty_like(v);
    const auto holder = c10::static_intrusive_pointer_cast<TreesHolder>(context->saved_data["trees"].toCapsule());
    ForTasks(holder->trees, shape, [&](const AttentionTree& tree, int64_t kv_head) {
      kernels::AttentionBackward(tree, shape, kv_head, q.const_data_ptr<float>(), k.const_data_ptr<float>(),
                                 v.const_data_ptr<float>(), out.const_data_ptr<float>(),
                                 log_sum.const_data_ptr<float>(), grad.const_data_ptr<float>(),
                                 grad_q.data_ptr<float>(), grad_k.data_ptr<float>(), grad_v.data_ptr<float>());
    });
    const torch::Dtype dtype = saved[0].scalar_type();
    return {grad_q.to(dtype), grad_k.to(dtype), grad_v.to(dtype), Tensor()};
  }
};

}  // namespace

PackedAttention::PackedAttention(const PackedLayout& layout, torch::Device device)
    : layout_(layout), device_(device), trees_(TreesOf(layout)) {}

PackedAttention::~PackedAttention() = default;

Tensor PackedAttention::Attend(int layer, const Tensor& q_THD, const Tensor& k_TKD, const Tensor& v_TKD) {
  if (HasCpuKernel(q_THD)) return TreeAttentionFunction::apply(q_THD, k_TKD, v_TKD, trees_);
  if (padded_ == nullptr) padded_ = std::make_unique<PaddedAttention>(layout_, device_);
  return padded_->Attend(layer, q_THD, k_TKD, v_TKD);
}

}  // namespace maspo
