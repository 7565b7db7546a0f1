#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "learner/buffer/evaluation_collector.h"
#include "learner/evaluation/held_out_evaluation.h"
#include "learner/prompts/lease_queue.h"
#include "learner/prompts/prompt_dataset.h"
#include "proto/prompt.pb.h"

namespace maspo {

// Held-out evaluation by the same workers that generate for training: Avg@n and unbiased Pass@k.
//
//   Begin(step) -> groups at the head of the lease queue -> workers -> collector -> Await() -> scores
//
// Not thread-safe: the learner loop calls it.
class Evaluator final : public HeldOutEvaluation {
 public:
  struct Options {
    uint32_t samples = 16;
    std::vector<int64_t> ks;  // Of Pass@k; each at most `samples`.
    v1::SamplingParameters sampling;
  };
  // `dataset` is encoded.
  Evaluator(Options options, const PromptDataset* dataset, LeaseQueue* queue, EvaluationCollector* collector)
      : options_(std::move(options)), dataset_(dataset), queue_(queue), collector_(collector) {}

  void Begin(uint64_t step) override;
  size_t missing() const override { return collector_->missing(); }
  absl::StatusOr<EvaluationReport> Await(absl::Time deadline) override;

 private:
  const Options options_;
  const PromptDataset* const dataset_;
  LeaseQueue* const queue_;
  EvaluationCollector* const collector_;
};

}  // namespace maspo
