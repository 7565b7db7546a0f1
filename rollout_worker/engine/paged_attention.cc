#include "rollout_worker/engine/paged_attention.h"

#include <cmath>
#include <limits>

#include "model/fused_ops.h"

namespace maspo {
namespace {

using torch::Tensor;

constexpr float kMasked = -std::numeric_limits<float>::infinity();

// On the CPU scores and probabilities are float32 as in the learner's kernel, whatever the cache holds.
torch::Dtype ComputeDtype(const Tensor& x) { return HasCpuKernel(x) ? torch::kFloat32 : x.scalar_type(); }

Tensor ToCompute(const Tensor& x) { return x.to(ComputeDtype(x)); }

}  // namespace

PagedAttention::PagedAttention(const PagedLayout& layout, PagedKvCache& cache)
    : cache_(cache), num_kv_heads_(cache.layer(0).size(2)), block_tokens_(cache.block_tokens()) {
  const torch::Device device = cache.layer(0).device();
  const auto options = torch::TensorOptions().dtype(torch::kInt64);
  const Tensor heads_2K = torch::arange(2 * num_kv_heads_, options);
  const Tensor block_T1 = torch::tensor(layout.block_T, options).unsqueeze(1);
  const Tensor offset_T1 = torch::tensor(layout.offset_T, options).unsqueeze(1);
  write_T2K = ((block_T1 * (2 * num_kv_heads_) + heads_2K) * block_tokens_ + offset_T1).flatten().to(device);
  for (const PagedLayout::DecodeRows& rows : layout.decode_rows) {
    const Tensor keys_B1 = torch::tensor(rows.keys_B, options).unsqueeze(1);
    const Tensor padding_BS = torch::arange(rows.blocks_per_row * block_tokens_, options) >= keys_B1;
    const Tensor mask_BS = torch::zeros(padding_BS.sizes(), torch::kFloat32).masked_fill_(padding_BS, kMasked);
    const Tensor mask_MS = mask_BS.repeat_interleave(num_kv_heads_, 0).unsqueeze(1);
    decode_rows_.push_back({.first_token = rows.first_token,
                            .num_rows = rows.num_rows,
                            .gather_2BKN = GatherIndex(rows.block_BN, rows.num_rows).to(device),
                            .mask_MS = mask_MS.to(device, ComputeDtype(cache.layer(0)))});
  }
  for (const PagedLayout::Prefill& prefill : layout.prefills) {
    prefills_.push_back({.first_token = prefill.first_token,
                         .length = prefill.length,
                         .past = prefill.past,
                         .gather_2KN = {},
                         .mask_QS = {}});
    if (prefill.past == 0) continue;
    prefills_.back().gather_2KN = GatherIndex(prefill.block_N, /*num_rows=*/1).to(device);
    prefills_.back().mask_QS =
        torch::ones({prefill.length, prefill.past + prefill.length}, torch::kBool).tril(prefill.past).to(device);
  }
}

Tensor PagedAttention::GatherIndex(const std::vector<int64_t>& block_BN, int64_t num_rows) const {
  const Tensor heads_2K = torch::arange(2 * num_kv_heads_, torch::kInt64);
  const Tensor block_1B1N = torch::tensor(block_BN, torch::kInt64).view({1, num_rows, 1, -1});
  return (block_1B1N * (2 * num_kv_heads_) + heads_2K.view({2, 1, num_kv_heads_, 1})).flatten();
}

Tensor PagedAttention::Attend(int layer, const Tensor& q_THD, const Tensor& k_TKD, const Tensor& v_TKD) {
  const Tensor& kv = cache_.layer(layer);
  const int64_t head_dim = kv.size(4);
  kv.view({-1, head_dim}).index_copy_(0, write_T2K, torch::stack({k_TKD, v_TKD}, 1).view({-1, head_dim}));
  const Tensor heads = kv.view({-1, block_tokens_ * head_dim});
  Tensor out_THD = torch::empty(q_THD.sizes(), q_THD.options());
  for (const DecodeRows& rows : decode_rows_) Decode(rows, heads, q_THD, out_THD);
  for (const Prefill& prefill : prefills_) {
    // [1, heads, tokens, D] of the prefill's own tokens.
    const auto own = [&](const Tensor& x_THD) {
      return x_THD.narrow(0, prefill.first_token, prefill.length).transpose(0, 1).unsqueeze(0);
    };
    Tensor k_1KSD, v_1KSD;
    if (prefill.past == 0) {
      k_1KSD = own(k_TKD);
      v_1KSD = own(v_TKD);
    } else {
      const Tensor kv_2KSD = heads.index_select(0, prefill.gather_2KN)
                                 .view({2, num_kv_heads_, -1, head_dim})
                                 .narrow(2, 0, prefill.past + prefill.length);
      k_1KSD = kv_2KSD.narrow(0, 0, 1);
      v_1KSD = kv_2KSD.narrow(0, 1, 1);
    }
    const auto mask = prefill.past == 0 ? std::nullopt : std::make_optional(prefill.mask_QS);
    own(out_THD).copy_(torch::scaled_dot_product_attention(
        ToCompute(own(q_THD)), ToCompute(k_1KSD), ToCompute(v_1KSD), mask, /*dropout_p=*/0,
        /*is_causal=*/prefill.past == 0, /*scale=*/std::nullopt, /*enable_gqa=*/true));
  }
  return out_THD;
}

void PagedAttention::Decode(const DecodeRows& rows, const Tensor& heads, const Tensor& q_THD, Tensor out_THD) const {
  const int64_t head_dim = q_THD.size(2),
                num_pairs = rows.num_rows * num_kv_heads_;  // M pairs of a row and a head of it.
  const Tensor kv_2MSD = ToCompute(heads.index_select(0, rows.gather_2BKN)).view({2, num_pairs, -1, head_dim});
  // The G query heads of a key/value head are the rows of one small matrix.
  const Tensor q_MGD = ToCompute(q_THD.narrow(0, rows.first_token, rows.num_rows)).reshape({num_pairs, -1, head_dim});
  const Tensor scores_MGS = torch::baddbmm(rows.mask_MS, q_MGD, kv_2MSD[0].transpose(1, 2), /*beta=*/1,
                                           /*alpha=*/1 / std::sqrt(static_cast<double>(head_dim)));
  const Tensor weights_MGS = torch::softmax(scores_MGS, -1, torch::kFloat32).to(q_MGD.scalar_type());
  Tensor out_MGD = out_THD.narrow(0, rows.first_token, rows.num_rows).view({num_pairs, -1, head_dim});
  if (out_MGD.scalar_type() == weights_MGS.scalar_type()) {
    torch::bmm_out(out_MGD, weights_MGS, kv_2MSD[1]);
  } else {
    out_MGD.copy_(torch::bmm(weights_MGS, kv_2MSD[1]));
  }
}

}  // namespace maspo
