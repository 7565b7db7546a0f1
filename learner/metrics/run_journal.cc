#include "learner/metrics/run_journal.h"

#include <algorithm>
#include <cctype>
#include <limits>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// "policy/gate_mean" -> "maspo_learner_policy_gate_mean"
std::string PrometheusName(const std::string& name) {
  std::string out = absl::StrCat("maspo_learner_", name);
  std::replace_if(
      out.begin(), out.end(), [](unsigned char c) { return !std::isalnum(c) && c != '_'; }, '_');
  return out;
}

}  // namespace

absl::StatusOr<RunJournal> RunJournal::Open(const Options& options, Metrics& metrics, const Tokenizer* tokenizer) {
  MASPO_ASSIGN_OR_RETURN(MetricsLog steps, MetricsLog::Open(options.run_dir + "/metrics.jsonl"));
  MASPO_RETURN_IF_ERROR(steps.TruncateAfter(options.resume_step));
  MASPO_ASSIGN_OR_RETURN(MetricsLog evaluations, MetricsLog::Open(options.run_dir + "/evaluations.jsonl"));
  MASPO_RETURN_IF_ERROR(evaluations.TruncateAfter(options.resume_step));
  // Of a run that was never trained: made by other settings, maybe.
  if (options.resume_step == 0) MASPO_RETURN_IF_ERROR(evaluations.Clear());
  MASPO_ASSIGN_OR_RETURN(SampleLog samples, SampleLog::Open({.path = options.run_dir + "/samples.jsonl",
                                                             .resume_step = options.resume_step,
                                                             .interval = options.sample_interval},
                                                            tokenizer));
  RunJournal journal(std::move(steps), std::move(evaluations), std::move(samples), metrics);
  if (options.groups) journal.groups_dir_ = options.run_dir;
  if (options.tensorboard) {
    MASPO_ASSIGN_OR_RETURN(journal.tensorboard_,
                           TensorBoardWriter::Create(options.run_dir + "/tensorboard",
                                                     options.resume_step == 0 ? 0 : options.resume_step + 1));
  }
  return journal;
}

absl::Status RunJournal::Record(const StepMetrics& row) {
  MASPO_RETURN_IF_ERROR(steps_.Append(row));
  return Show(row, step_gauges_);
}

absl::Status RunJournal::RecordEvaluation(const StepMetrics& scores) {
  MASPO_RETURN_IF_ERROR(evaluations_.Append(scores));
  return Show(scores, evaluation_gauges_);
}

absl::Status RunJournal::Show(const StepMetrics& row, Gauges& gauges) {
  // What this row does not have must not go on showing what the last one had.
  for (const auto& [name, gauge] : gauges) gauge->Set(std::numeric_limits<double>::quiet_NaN());
  for (const auto& [name, value] : row.values) {
    auto [it, is_new] = gauges.try_emplace(name, nullptr);
    if (is_new)
      it->second =
          &metrics_->AddGauge(PrometheusName(name), absl::StrCat(name, " of the last step, see docs/metrics.md"));
    it->second->Set(value);
  }
  return tensorboard_ ? tensorboard_->Append(row) : absl::OkStatus();
}

}  // namespace maspo
