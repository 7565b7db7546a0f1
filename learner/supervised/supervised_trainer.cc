#include "learner/supervised/supervised_trainer.h"

#include "absl/strings/str_cat.h"
#include "learner/prompts/prompt_order.h"
#include "services/base/status_macros.h"

namespace maspo {

absl::Status SupervisedTrainer::Run(const std::vector<TrainingGroup>& data,
                                    const std::function<void(const Report&)>& on_step) {
  PromptOrder order(data.size(), options_.seed, options_.shuffle);
  uint64_t next = 0;
  for (int64_t step = 1; step <= options_.steps; ++step) {
    Report report;
    std::vector<TrainingGroup> batch;
    while (static_cast<int64_t>(batch.size()) < options_.batch_size) {
      const TrainingGroup& example = batch.emplace_back(data[order.At(next++).problem]);
      report.tokens += static_cast<int64_t>(example.prompt.size() + example.responses[0].token_ids.size());
    }
    report.step = step;
    report.learning_rate = schedule_.At(step);
    MASPO_ASSIGN_OR_RETURN(const UpdateResult result, update_->Apply(batch, report.learning_rate));
    if (!result.applied) {
      return absl::AbortedError(absl::StrCat("step ", step,
                                             ": the loss or its gradient is not finite; lower --learning-rate (it is ",
                                             report.learning_rate, " here)"));
    }
    report.loss = result.loss;
    report.grad_norm = result.grad_norm;
    on_step(report);
  }
  return absl::OkStatus();
}

}  // namespace maspo
