#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "model/torch.h"

namespace maspo {

// How one token is drawn.
struct DrawParameters {
  float temperature = 1;  // 0 = greedy; top_p and top_k are then ignored.
  float top_p = 1;        // 1 = off.
  uint32_t top_k = 0;     // 0 = off.
  float uniform = 0;      // In [0, 1): what decides.
};

inline bool IsGreedy(const DrawParameters& row) { return row.temperature == 0; }
inline bool IsRestricted(const DrawParameters& row) { return !IsGreedy(row) && (row.top_k > 0 || row.top_p < 1); }

struct DrawnTokens {
  std::vector<int64_t> token_ids;           // [B]
  std::vector<float> logprobs;              // [B], nats, of the distribution drawn from; untempered for a greedy row.
  std::vector<float> policy_logprobs = {};  // [B]; the same without top_k and top_p.
};

// Draws one token from each row of logits: softmax(logits / temperature) restricted to the top_k most probable tokens,
// then to the fewest of those whose probability reaches top_p, renormalised; the inverse of its distribution function,
// tokens in order of id, is taken at `uniform`. Rows may differ in every parameter.
//
// logits_BV float32, any device. Where logits are not finite, so are the log-probabilities. One synchronisation.
DrawnTokens DrawTokens(const torch::Tensor& logits_BV, absl::Span<const DrawParameters> rows);

}  // namespace maspo
