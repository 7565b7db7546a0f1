#include "rollout_worker/engine/sampler.h"

#include <algorithm>
#include <limits>

#include "services/base/status_macros.h"

namespace maspo {
namespace {

using torch::Tensor;

constexpr float kExcluded = -std::numeric_limits<float>::infinity();

// [B, 1] on the device, one value a row.
template <typename Field>
Tensor Column(absl::Span<const DrawParameters> rows, torch::Device device, const Field& field) {
  using Value = decltype(field(rows[0]));
  std::vector<Value> values;
  values.reserve(rows.size());
  for (const DrawParameters& row : rows) values.push_back(field(row));
  return torch::tensor(values).unsqueeze(1).to(device);
}

std::vector<float> ToVector(const Tensor& values_B1) {
  const Tensor values = values_B1.squeeze(1).cpu();
  return {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()};
}

// Logits with -infinity for the tokens that top_k and top_p exclude. The most probable token always stays.
Tensor Restrict(const Tensor& logits_BV, absl::Span<const DrawParameters> rows) {
  const int64_t vocab = logits_BV.size(1);
  const auto ranks_B1 = Column(rows, logits_BV.device(), [&](const DrawParameters& row) {
    return row.top_k == 0 ? vocab : std::min<int64_t>(row.top_k, vocab);
  });
  // Above 1 where top_p is off: rounding must not cut the tail.
  const auto top_p_B1 =
      Column(rows, logits_BV.device(), [](const DrawParameters& row) { return row.top_p < 1 ? row.top_p : 2.0f; });
  const auto [sorted, order_BV] = logits_BV.sort(/*stable=*/true, /*dim=*/-1, /*descending=*/true);
  const Tensor rank_V = torch::arange(vocab, ranks_B1.options());
  Tensor sorted_BV = sorted.masked_fill(rank_V >= ranks_B1, kExcluded);
  const Tensor probs_BV = sorted_BV.softmax(-1);
  const Tensor before_BV = probs_BV.cumsum(-1) - probs_BV;
  sorted_BV.masked_fill_((before_BV >= top_p_B1).logical_and_(rank_V > 0), kExcluded);
  return torch::empty_like(logits_BV).scatter_(1, order_BV, sorted_BV);
}

}  // namespace

DrawnTokens DrawTokens(const Tensor& logits_BV, absl::Span<const DrawParameters> rows) {
  MASPO_CHECK(logits_BV.dim() == 2 && logits_BV.size(0) == static_cast<int64_t>(rows.size()) && !rows.empty());
  const torch::Device device = logits_BV.device();
  Tensor scaled_BV = logits_BV;
  if (std::any_of(rows.begin(), rows.end(), [](const auto& row) { return row.temperature != 1; })) {
    scaled_BV = logits_BV /
                Column(rows, device, [](const DrawParameters& row) { return IsGreedy(row) ? 1.0f : row.temperature; });
  }
  std::vector<int64_t> restricted;
  std::vector<DrawParameters> restricted_rows;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!IsRestricted(rows[i])) continue;
    restricted.push_back(i);
    restricted_rows.push_back(rows[i]);
  }
  Tensor index_K, whole_KV;  // Of the K restricted rows.
  if (!restricted.empty()) {
    index_K = torch::tensor(restricted).to(device);
    whole_KV = scaled_BV.index_select(0, index_K);
    scaled_BV = scaled_BV.index_copy(0, index_K, Restrict(whole_KV, restricted_rows));
  }

  const Tensor logprobs_BV = scaled_BV.log_softmax(-1);
  const Tensor cumulative_BV = logprobs_BV.exp().cumsum_(-1);
  const Tensor total_B1 = cumulative_BV.narrow(1, -1, 1);
  // Below the total even where the product rounds up, so the token found has a probability above 0.
  const Tensor uniform_B1 = Column(rows, device, [](const DrawParameters& row) { return row.uniform; });
  const Tensor level_B1 = torch::minimum(uniform_B1 * total_B1, total_B1.nextafter(torch::zeros_like(total_B1)));
  Tensor token_B1 = torch::searchsorted(cumulative_BV, level_B1, /*out_int32=*/false, /*right=*/true);
  token_B1.clamp_max_(logits_BV.size(1) - 1);  // Only NaN gets this far.
  if (std::any_of(rows.begin(), rows.end(), IsGreedy)) {
    token_B1 = torch::where(Column(rows, device, [](const DrawParameters& row) { return IsGreedy(row) ? 1 : 0; }) == 1,
                            logits_BV.argmax(-1, /*keepdim=*/true), token_B1);
  }
  const Tensor token_ids = token_B1.squeeze(1).cpu();
  const Tensor logprobs_B1 = logprobs_BV.gather(1, token_B1);
  DrawnTokens drawn{.token_ids = {token_ids.data_ptr<int64_t>(), token_ids.data_ptr<int64_t>() + token_ids.numel()},
                    .logprobs = ToVector(logprobs_B1)};
  drawn.policy_logprobs = drawn.logprobs;
  if (!restricted.empty()) {
    const Tensor whole_K1 = whole_KV.log_softmax(-1).gather(1, token_B1.index_select(0, index_K));
    drawn.policy_logprobs = ToVector(logprobs_B1.index_copy(0, index_K, whole_K1));
  }
  return drawn;
}

}  // namespace maspo
