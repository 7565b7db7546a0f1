#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "learner/evaluation/pass_at_k.h"

namespace maspo {

struct EvaluationReport {
  EvaluationTable table;
  double response_length_mean = 0;  // Tokens.
  double seconds = 0;               // From its begin to its last group; told by the loop.
};

// A round of held-out evaluation as the training loop sees it: begun, awaited, scored. One caller, the learner loop.
class HeldOutEvaluation {
 public:
  virtual ~HeldOutEvaluation() = default;

  virtual void Begin(uint64_t step) = 0;
  virtual size_t missing() const = 0;  // Groups of the round that have not come yet.

  // How the round went. DeadlineExceeded: groups are missing still. Aborted: not one of them came, which no accuracy
  // would tell.
  virtual absl::StatusOr<EvaluationReport> Await(absl::Time deadline) = 0;
};

}  // namespace maspo
