#include "model/kernels/attention_kernel.h"

#include <algorithm>
#include <cmath>

#include "model/kernels/simd.h"
#include "model/kernels/small_gemm.h"

// Below, one tree and one key/value head are worked on. S keys in view: the prefix, then one continuation. A query row
// is (token, query head of the group), token-major; its D floats and all other rows are padded with zeros to W, a
// multiple of 8. Key columns are padded to a multiple of 8 as well; what they hold is never read back.
namespace maspo::kernels {
namespace {

constexpr int64_t kBlockRows = 24;  // Query rows at a time.

MASPO_INLINE int64_t RoundUp8(int64_t n) { return (n + 7) / 8 * 8; }

// Sizes and strides of a problem.
struct Plan {
  Plan(const AttentionTree& tree, const AttentionShape& shape, int64_t kv_head)
      : dim(shape.head_dim),
        width(RoundUp8(dim)),
        group(shape.num_heads / shape.num_kv_heads),
        q_stride(shape.num_heads * dim),
        kv_stride(shape.num_kv_heads * dim),
        q_offset(kv_head * group * dim),
        kv_offset(kv_head * dim),
        prefix(tree.prefix.length),
        scale(1.0f / std::sqrt(static_cast<float>(dim))) {
    int64_t longest = 0;
    for (const auto& range : tree.continuations) longest = std::max(longest, range.length);
    keys = RoundUp8(prefix + longest);
  }

  int64_t dim, width, group, q_stride, kv_stride, q_offset, kv_offset, prefix;
  float scale;
  int64_t keys;  // Room for the longest sequence.
};

// Keys or values of the sequence in view, by rows and transposed.
struct KeyStore {
  explicit KeyStore(const Plan& plan) : rows(plan.keys * plan.width), columns(plan.width * plan.keys) {}

  // Takes a range's tokens as keys `first` and following.
  MASPO_INLINE void Load(const Plan& plan, const float* x, AttentionTree::Range range, int64_t first) {
    for (int64_t i = 0; i < range.length; ++i) {
      const float* source = x + (range.begin + i) * plan.kv_stride + plan.kv_offset;
      for (int64_t d = 0; d < plan.dim; ++d) {
        rows[(first + i) * plan.width + d] = source[d];
        columns[d * plan.keys + first + i] = source[d];
      }
    }
  }

  std::vector<float> rows;     // [S, W]
  std::vector<float> columns;  // [W, S]
};

// Query rows [first, first + count) of a range, in or out of [count, W].
struct RowBlock {
  AttentionTree::Range range;
  int64_t first, count;

  MASPO_INLINE int64_t Token(const Plan& plan, int64_t r) const { return range.begin + (first + r) / plan.group; }
  MASPO_INLINE int64_t At(const Plan& plan, int64_t r) const {
    return Token(plan, r) * plan.q_stride + plan.q_offset + (first + r) % plan.group * plan.dim;
  }
  // Where the row's statistics are in [T, H].
  MASPO_INLINE int64_t Statistic(const Plan& plan, int64_t r) const { return At(plan, r) / plan.dim; }
  // Keys that the row sees, `before` the range's own.
  MASPO_INLINE int64_t Visible(const Plan& plan, int64_t r, int64_t before) const {
    return before + (first + r) / plan.group + 1;
  }
  MASPO_INLINE void Gather(const Plan& plan, const float* x, float* block) const {
    for (int64_t r = 0; r < count; ++r) std::copy_n(x + At(plan, r), plan.dim, block + r * plan.width);
  }
  MASPO_INLINE void Scatter(const Plan& plan, const float* block, float* x) const {
    for (int64_t r = 0; r < count; ++r) std::copy_n(block + r * plan.width, plan.dim, x + At(plan, r));
  }
};

// score -> probability of the visible keys, 0 for the rest up to `columns`. Returns the log of the sum of exp.
MASPO_INLINE float SoftmaxRow(float* row, int64_t visible, int64_t columns, float scale) {
  float largest = row[0];
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < visible; ++i) largest = row[i] > largest ? row[i] : largest;
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < visible; ++i) {
    row[i] = Exp((row[i] - largest) * scale);
    sum += row[i];
  }
  const float inverse = 1.0f / sum;
#pragma omp simd
  for (int64_t i = 0; i < visible; ++i) row[i] *= inverse;
  std::fill(row + visible, row + columns, 0.0f);
  return largest * scale + std::log(sum);
}

struct ForwardScratch {
  explicit ForwardScratch(const Plan& plan)
      : keys(plan), values(plan), q(kBlockRows * plan.width), out(kBlockRows * plan.width), p(kBlockRows * plan.keys) {}
  KeyStore keys, values;
  std::vector<float> q, out, p;
};

MASPO_INLINE void ForwardRange(const Plan& plan, AttentionTree::Range range, int64_t before, const float* q,
                               ForwardScratch& s, float* out, float* log_sum) {
  for (int64_t first = 0; first < range.length * plan.group; first += kBlockRows) {
    const RowBlock block{range, first, std::min(kBlockRows, range.length * plan.group - first)};
    const int64_t seen = block.Visible(plan, block.count - 1, before), columns = RoundUp8(seen);
    block.Gather(plan, q, s.q.data());
    SmallGemm<false>(block.count, columns, plan.dim, s.q.data(), plan.width, 1, s.keys.columns.data(), plan.keys,
                     s.p.data(), plan.keys);
    for (int64_t r = 0; r < block.count; ++r) {
      log_sum[block.Statistic(plan, r)] =
          SoftmaxRow(s.p.data() + r * plan.keys, block.Visible(plan, r, before), columns, plan.scale);
    }
    SmallGemm<false>(block.count, plan.width, seen, s.p.data(), plan.keys, 1, s.values.rows.data(), plan.width,
                     s.out.data(), plan.width);
    block.Scatter(plan, s.out.data(), out);
  }
}

struct BackwardScratch {
  explicit BackwardScratch(const Plan& plan)
      : keys(plan),
        values(plan),
        q(kBlockRows * plan.width),
        grad_out(kBlockRows * plan.width),
        grad_q(kBlockRows * plan.width),
        p(kBlockRows * plan.keys),
        grad_score(kBlockRows * plan.keys),
        grad_k(plan.keys * plan.width),
        grad_v(plan.keys * plan.width) {}
  KeyStore keys, values;
  std::vector<float> q, grad_out, grad_q, p, grad_score, grad_k, grad_v;
};

// p = exp(scaled score - log_sum), grad_score = p * (grad_p - sum of p * grad_p) * scale, where that sum is grad . out.
MASPO_INLINE void SoftmaxRowBackward(float* p, float* grad_score, int64_t visible, int64_t columns, float scale,
                                     float log_sum, float grad_dot_out) {
#pragma omp simd
  for (int64_t i = 0; i < visible; ++i) {
    p[i] = Exp(p[i] * scale - log_sum);
    grad_score[i] = p[i] * (grad_score[i] - grad_dot_out) * scale;
  }
  std::fill(p + visible, p + columns, 0.0f);
  std::fill(grad_score + visible, grad_score + columns, 0.0f);
}

MASPO_INLINE void BackwardRange(const Plan& plan, AttentionTree::Range range, int64_t before, const float* q,
                                const float* out, const float* log_sum, const float* grad_out, BackwardScratch& s,
                                float* grad_q) {
  for (int64_t first = 0; first < range.length * plan.group; first += kBlockRows) {
    const RowBlock block{range, first, std::min(kBlockRows, range.length * plan.group - first)};
    const int64_t seen = block.Visible(plan, block.count - 1, before), columns = RoundUp8(seen);
    block.Gather(plan, q, s.q.data());
    block.Gather(plan, grad_out, s.grad_out.data());
    SmallGemm<false>(block.count, columns, plan.dim, s.q.data(), plan.width, 1, s.keys.columns.data(), plan.keys,
                     s.p.data(), plan.keys);
    SmallGemm<false>(block.count, columns, plan.dim, s.grad_out.data(), plan.width, 1, s.values.columns.data(),
                     plan.keys, s.grad_score.data(), plan.keys);
    for (int64_t r = 0; r < block.count; ++r) {
      const float* row_grad = grad_out + block.At(plan, r);
      const float* row_out = out + block.At(plan, r);
      float dot = 0;
#pragma omp simd reduction(+ : dot)
      for (int64_t d = 0; d < plan.dim; ++d) dot += row_grad[d] * row_out[d];
      SoftmaxRowBackward(s.p.data() + r * plan.keys, s.grad_score.data() + r * plan.keys,
                         block.Visible(plan, r, before), columns, plan.scale, log_sum[block.Statistic(plan, r)], dot);
    }
    SmallGemm<false>(block.count, plan.width, seen, s.grad_score.data(), plan.keys, 1, s.keys.rows.data(), plan.width,
                     s.grad_q.data(), plan.width);
    block.Scatter(plan, s.grad_q.data(), grad_q);
    SmallGemm<true>(seen, plan.width, block.count, s.grad_score.data(), 1, plan.keys, s.q.data(), plan.width,
                    s.grad_k.data(), plan.width);
    SmallGemm<true>(seen, plan.width, block.count, s.p.data(), 1, plan.keys, s.grad_out.data(), plan.width,
                    s.grad_v.data(), plan.width);
  }
}

// Hands the gradients of keys `first` and following to a range's tokens, and clears them.
MASPO_INLINE void Store(const Plan& plan, std::vector<float>& grad, int64_t first, AttentionTree::Range range,
                        float* x) {
  float* begin = grad.data() + first * plan.width;
  for (int64_t i = 0; i < range.length; ++i) {
    std::copy_n(begin + i * plan.width, plan.dim, x + (range.begin + i) * plan.kv_stride + plan.kv_offset);
  }
  std::fill(begin, begin + range.length * plan.width, 0.0f);
}

}  // namespace

MASPO_KERNEL void AttentionForward(const AttentionTree& tree, const AttentionShape& shape, int64_t kv_head,
                                   const float* q, const float* k, const float* v, float* out, float* log_sum) {
  const Plan plan(tree, shape, kv_head);
  ForwardScratch scratch(plan);
  scratch.keys.Load(plan, k, tree.prefix, 0);
  scratch.values.Load(plan, v, tree.prefix, 0);
  ForwardRange(plan, tree.prefix, 0, q, scratch, out, log_sum);
  for (const AttentionTree::Range& range : tree.continuations) {
    scratch.keys.Load(plan, k, range, plan.prefix);
    scratch.values.Load(plan, v, range, plan.prefix);
    ForwardRange(plan, range, plan.prefix, q, scratch, out, log_sum);
  }
}

MASPO_KERNEL void AttentionBackward(const AttentionTree& tree, const AttentionShape& shape, int64_t kv_head,
                                    const float* q, const float* k, const float* v, const float* out,
                                    const float* log_sum, const float* grad_out, float* grad_q, float* grad_k,
                                    float* grad_v) {
  const Plan plan(tree, shape, kv_head);
  BackwardScratch scratch(plan);
  scratch.keys.Load(plan, k, tree.prefix, 0);
  scratch.values.Load(plan, v, tree.prefix, 0);
  BackwardRange(plan, tree.prefix, 0, q, out, log_sum, grad_out, scratch, grad_q);
  for (const AttentionTree::Range& range : tree.continuations) {
    scratch.keys.Load(plan, k, range, plan.prefix);
    scratch.values.Load(plan, v, range, plan.prefix);
    BackwardRange(plan, range, plan.prefix, q, out, log_sum, grad_out, scratch, grad_q);
    Store(plan, scratch.grad_k, plan.prefix, range, grad_k);
    Store(plan, scratch.grad_v, plan.prefix, range, grad_v);
  }
  // The prefix is used by every continuation, so its gradients are complete only now.
  Store(plan, scratch.grad_k, 0, tree.prefix, grad_k);
  Store(plan, scratch.grad_v, 0, tree.prefix, grad_v);
}

}  // namespace maspo::kernels
