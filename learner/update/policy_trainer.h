#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learner/publish/policy_publisher.h"
#include "learner/update/training_batch.h"
#include "learner/update/update_reports.h"
#include "services/base/stop_signal.h"

namespace maspo {

// What the training loop trains, wherever its tensors are: the policy, its optimizer, and the frozen reference.
//
//   ComputeLogprobs (once a step) -> Apply (each mini-batch) -> Publish, Save
//
// State: weights, moments, and the number of updates. Only Apply and GoBack change it. Long calls look for a stop
// between micro-batches; without one (null) they do their work to the end.
//
// One caller, the learner loop.
class PolicyTrainer {
 public:
  virtual ~PolicyTrainer() = default;

  // Fills old_logprobs of every response with the current weights' log-probabilities, and reference_logprobs where the
  // objective asks for them. Cancelled: stopped. Internal: the tensor library failed.
  virtual absl::StatusOr<LogprobStatistics> ComputeLogprobs(std::vector<TrainingGroup>& groups,
                                                            const StopSignal* stop) = 0;

  // One optimizer step over one mini-batch. After an error the state is what it was. Errors as above.
  virtual absl::StatusOr<UpdateResult> Apply(absl::Span<const TrainingGroup> mini_batch, double learning_rate,
                                             const StopSignal* stop) = 0;

  virtual int64_t num_updates() const = 0;  // That were applied, since the run began.

  // A copy of the state in main memory, in place of an earlier one; and back to it.
  virtual absl::Status Keep() = 0;
  virtual void GoBack() = 0;

  // Hands a snapshot of the weights on as a policy version; null on ranks but the first, which only keep their parts.
  // Internal: the tensor library failed.
  virtual absl::Status Publish(int64_t policy_version, PolicyPublisher* publisher) = 0;

  // Begins to write the state into `folder`, which does not exist yet, while training goes on: Apply and GoBack wait
  // before they change what is still being written. What is returned is called once, on any thread, and returns when
  // all of it is on the disk, or why it is not.
  using FinishSave = std::function<absl::Status()>;
  virtual absl::StatusOr<FinishSave> Save(const std::string& folder) = 0;
};

}  // namespace maspo
