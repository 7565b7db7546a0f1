#include "model/padded_attention.h"

#include <algorithm>

namespace maspo {
namespace {

using torch::Tensor;
using Segment = PackedLayout::Segment;

int64_t KeysOf(const Segment& segment) { return segment.prompt_length + segment.length; }

// Segments sorted by number of keys and cut where padding would exceed a quarter of a row.
std::vector<std::vector<Segment>> SimilarLengths(std::vector<Segment> segments) {
  std::stable_sort(segments.begin(), segments.end(),
                   [](const Segment& a, const Segment& b) { return KeysOf(a) < KeysOf(b); });
  std::vector<std::vector<Segment>> buckets;
  for (const Segment& segment : segments) {
    if (buckets.empty() || 4 * KeysOf(segment) > 5 * KeysOf(buckets.back().front()) + 64) buckets.emplace_back();
    buckets.back().push_back(segment);
  }
  return buckets;
}

}  // namespace

PaddedAttention::PaddedAttention(const PackedLayout& layout, torch::Device device) {
  std::vector<int64_t> slot_of_token(layout.ids_T.size());
  int64_t next_slot = 0;
  for (const auto* segments : {&layout.prompt_segments, &layout.response_segments}) {
    for (const std::vector<Segment>& bucket : SimilarLengths(*segments)) {
      rows_.push_back(PadRows(bucket, device));
      const int64_t width = rows_.back().query_BQ.size(1);
      for (const Segment& segment : bucket) {
        for (int64_t i = 0; i < segment.length; ++i) slot_of_token[segment.begin + i] = next_slot + i;
        next_slot += width;
      }
    }
  }
  slot_T_ = torch::tensor(slot_of_token, torch::kInt64).to(device);
}

PaddedAttention::Rows PaddedAttention::PadRows(const std::vector<Segment>& segments, torch::Device device) {
  const int64_t num_rows = segments.size();
  int64_t num_queries = 0, num_keys = 0;
  for (const Segment& segment : segments) {
    num_queries = std::max(num_queries, segment.length);
    num_keys = std::max(num_keys, KeysOf(segment));
  }
  Tensor query_BQ = torch::zeros({num_rows, num_queries}, torch::kInt64);
  Tensor key_BS = torch::zeros({num_rows, num_keys}, torch::kInt64);
  Tensor prompt_length_B11 = torch::empty({num_rows, 1, 1}, torch::kInt64);
  for (int64_t row = 0; row < num_rows; ++row) {
    const Segment& segment = segments[row];
    const Tensor own = torch::arange(segment.begin, segment.begin + segment.length);
    query_BQ[row].narrow(0, 0, segment.length).copy_(own);
    key_BS[row].narrow(0, segment.prompt_length, segment.length).copy_(own);
    key_BS[row]
        .narrow(0, 0, segment.prompt_length)
        .copy_(torch::arange(segment.prompt_begin, segment.prompt_begin + segment.prompt_length));
    prompt_length_B11[row] = segment.prompt_length;
  }
  // Query i sees the prompt and the keys up to itself; padded keys lie behind every real query.
  const Tensor last_seen_BQ1 = torch::arange(num_queries).view({1, -1, 1}) + prompt_length_B11;
  const Tensor mask_BQS = torch::arange(num_keys).view({1, 1, -1}) <= last_seen_BQ1;
  return {query_BQ.to(device), key_BS.to(device), mask_BQS.unsqueeze(1).to(device)};
}

Tensor PaddedAttention::Attend(int, const Tensor& q_THD, const Tensor& k_TKD, const Tensor& v_TKD) {
  const auto gather = [](const Tensor& x, const Tensor& index_BL) {
    return x.index_select(0, index_BL.flatten())
        .view({index_BL.size(0), index_BL.size(1), x.size(1), x.size(2)})
        .transpose(1, 2);
  };
  std::vector<Tensor> slots;
  for (const Rows& rows : rows_) {
    const Tensor mixed_BHQD = torch::scaled_dot_product_attention(
        gather(q_THD, rows.query_BQ), gather(k_TKD, rows.key_BS), gather(v_TKD, rows.key_BS), rows.mask_B1QS,
        /*dropout_p=*/0, /*is_causal=*/false, /*scale=*/std::nullopt, /*enable_gqa=*/true);
    slots.push_back(mixed_BHQD.transpose(1, 2).flatten(0, 1));
  }
  return torch::cat(slots).index_select(0, slot_T_);
}

}  // namespace maspo
