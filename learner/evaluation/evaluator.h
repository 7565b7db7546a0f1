#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "learner/buffer/evaluation_collector.h"
#include "learner/evaluation/pass_at_k.h"
#include "learner/prompts/prompt_dataset.h"
#include "learner/prompts/prompt_leaser.h"
#include "proto/prompt.pb.h"

namespace maspo {

// Held-out evaluation by the same workers that generate for training: Avg@n and unbiased Pass@k.
//
//   Begin(step) -> groups at the head of the lease queue -> workers -> collector -> Await() -> scores
//
// Not thread-safe: the learner loop calls it.
class Evaluator {
 public:
  struct Options {
    uint32_t samples = 16;
    std::vector<int64_t> ks;  // Of Pass@k; each at most `samples`.
    v1::SamplingParameters sampling;
  };
  // `dataset` is encoded.
  Evaluator(Options options, const PromptDataset* dataset, PromptLeaser* leaser, EvaluationCollector* collector)
      : options_(std::move(options)), dataset_(dataset), leaser_(leaser), collector_(collector) {}

  void Begin(uint64_t step);
  size_t missing() const { return collector_->missing(); }

  // Metrics eval/... of the round, of all problems and of each source. DeadlineExceeded: groups are missing still.
  absl::StatusOr<std::map<std::string, double>> Await(absl::Time deadline);

 private:
  const Options options_;
  const PromptDataset* const dataset_;
  PromptLeaser* const leaser_;
  EvaluationCollector* const collector_;
};

}  // namespace maspo
