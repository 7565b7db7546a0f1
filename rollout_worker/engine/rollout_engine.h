#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/transformer.h"
#include "rollout_worker/engine/batch_scheduler.h"
#include "rollout_worker/engine/generation.h"
#include "rollout_worker/engine/paged_kv_cache.h"
#include "rollout_worker/engine/paged_layout.h"
#include "rollout_worker/engine/random_stream.h"
#include "rollout_worker/engine/sampler.h"

namespace maspo {

// Continuous batching over a paged KV cache.
//
//   Submit() -> waiting -> prefill (the prompt once, its blocks shared by the samples) -> decode -> Step() returns
//   responses
//
// One Step() is one forward: prefills that fit, plus one token of every running sequence. When blocks run out the
// youngest sequences are preempted: their blocks are freed, and their tokens are prefilled again later.
//
// A response depends on its request and the weights only: not on the batch, the cache or the preemptions around it, up
// to the rounding of differently shaped matrix products. Once a weight is not finite, log-probabilities are not either.
//
// Not thread-safe: one owner calls everything. LibTorch exceptions pass through Step().
class RolloutEngine {
 public:
  struct Options {
    int max_running_sequences = 256;
    int kv_block_tokens = 16;
    int64_t kv_cache_tokens = 65536;  // Rounded up to whole blocks.
    int prefill_tokens_per_step = 4096;
  };

  struct Stats {
    int64_t policy_version = -1;
    uint64_t prompt_tokens = 0;    // Prefilled since construction, recomputation included.
    uint64_t response_tokens = 0;  // Sampled since construction.
    uint64_t not_finite = 0;       // Of them, those whose log-probability is not: a weight is not finite either.
    uint64_t preemptions = 0;
    int running_sequences = 0;
    int waiting_sequences = 0;
    double kv_utilization = 0;  // 0..1
  };

  // InvalidArgument: an option is out of range.
  static absl::StatusOr<std::unique_ptr<RolloutEngine>> Create(ModelConfig config,
                                                               std::shared_ptr<ParameterSet> parameters,
                                                               int64_t policy_version, const Options& options);

  // InvalidArgument: see CheckRequest(). AlreadyExists: a request of this id is in flight.
  absl::Status Submit(GenerationRequest request);

  bool HasWork() const { return scheduler_.has_work(); }

  // One forward over whatever is scheduled; returns the responses that finished in it. No-op without work.
  std::vector<GeneratedResponse> Step();

  // Between two steps: later tokens are sampled by `policy_version`. Keys and values already cached are kept.
  void SetParameters(std::shared_ptr<ParameterSet> parameters, int64_t policy_version);

  // Forgets a request's unfinished samples. Unknown ids are ignored.
  void Cancel(const std::string& request_id);

  Stats stats() const;

 private:
  struct ActiveRequest {
    GenerationRequest request;
    RandomStream stream;
    int64_t max_response_tokens = 0;
    uint32_t unfinished_samples = 0;
    bool is_restricted = false;                     // By top_p or top_k.
    std::map<uint32_t, GeneratedResponse> samples;  // Those with a token, less the finished ones.
  };

  RolloutEngine(ModelConfig config, std::shared_ptr<ParameterSet> parameters, int64_t policy_version,
                const Options& options);
  torch::Tensor Forward(const PagedLayout& layout);  // -> hidden states [T, C]
  DrawnTokens Draw(const torch::Tensor& hidden_NC, const std::vector<SampleId>& ids) const;
  // Appends the token drawn in `row`; the response when that was its last.
  std::optional<GeneratedResponse> Append(SampleId id, const DrawnTokens& drawn, size_t row);

  Transformer transformer_;
  int64_t policy_version_;
  BatchScheduler scheduler_;
  PagedKvCache cache_;
  std::map<uint64_t, ActiveRequest> requests_;               // By number of arrival.
  absl::flat_hash_map<std::string, uint64_t> number_of_id_;  // Of the requests above.
  uint64_t next_number_ = 0;
  uint64_t prompt_tokens_ = 0, response_tokens_ = 0, not_finite_ = 0;
};

}  // namespace maspo
