#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "learner/update/learning_rate.h"
#include "learner/update/policy_update.h"
#include "learner/update/training_batch.h"

namespace maspo {

// Supervised fine-tuning with the trainer core of the learner: every batch is one mini-batch of PolicyUpdate under the
// negative log-likelihood of the response tokens, averaged over the tokens of the batch.
//
// Not thread-safe.
class SupervisedTrainer {
 public:
  struct Options {
    int64_t steps = 0;        // Optimizer steps; the data comes round as often as needed.
    int64_t batch_size = 64;  // Sequences a step.
    bool shuffle = true;      // A new seeded order each pass; false keeps the order of the file (curricula).
    uint64_t seed = 0;
  };
  struct Report {
    int64_t step = 0;  // Finished.
    double loss = 0;   // Nats per response token.
    double grad_norm = 0;
    double learning_rate = 0;
    int64_t tokens = 0;  // Of this batch, prompts included.
  };

  SupervisedTrainer(const Options& options, PolicyUpdate* update, LearningRateSchedule schedule)
      : options_(options), update_(update), schedule_(schedule) {}

  // Calls `on_step` after every step. Aborted: a loss or gradient is not finite (names the step).
  absl::Status Run(const std::vector<TrainingGroup>& data, const std::function<void(const Report&)>& on_step);

 private:
  const Options options_;
  PolicyUpdate* const update_;
  const LearningRateSchedule schedule_;
};

}  // namespace maspo
