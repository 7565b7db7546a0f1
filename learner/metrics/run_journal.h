#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learner/metrics/metrics_log.h"
#include "learner/metrics/sample_log.h"
#include "learner/metrics/step_journal.h"
#include "learner/metrics/tensorboard_writer.h"
#include "learner/recorded/recorded_groups.h"
#include "services/base/metrics.h"

namespace maspo {

// Everything the learner tells about its steps, to everywhere people look: RUN_DIR/metrics.jsonl (training steps),
// RUN_DIR/evaluations.jsonl (evaluations, the one before training included), samples.jsonl, TensorBoard, and Prometheus
// gauges.
//
// A resumed run forgets what was recorded after its checkpoint; one without a checkpoint, everything. Not thread-safe.
class RunJournal final : public StepJournal {
 public:
  struct Options {
    std::string run_dir;
    uint64_t resume_step = 0;  // Finished steps of the checkpoint that the run goes on from; 0 = a new run.
    bool tensorboard = true;
    uint32_t sample_interval = 10;  // As in SampleLog.
    bool groups = false;            // Every group that is trained on, for `maspo learn`.
  };
  // `tokenizer` outlives the journal.
  static absl::StatusOr<RunJournal> Open(const Options& options, Metrics& metrics, const Tokenizer* tokenizer);

  absl::Status Record(const StepMetrics& row) override;
  absl::Status RecordEvaluation(const StepMetrics& scores) override;
  bool HasEvaluation(uint64_t step) const override { return !evaluations_.empty() && evaluations_.last_step() >= step; }
  absl::Status RecordSample(uint64_t step, const v1::TrajectoryGroup& group) override {
    return samples_.Record(step, group);
  }
  absl::Status RecordGroups(uint64_t step, const std::vector<v1::TrajectoryGroup>& groups) override {
    return groups_dir_.empty() ? absl::OkStatus() : WriteRecordedStep(groups_dir_, step, groups);
  }

 private:
  RunJournal(MetricsLog steps, MetricsLog evaluations, SampleLog samples, Metrics& metrics)
      : steps_(std::move(steps)),
        evaluations_(std::move(evaluations)),
        samples_(std::move(samples)),
        metrics_(&metrics) {}
  using Gauges = std::map<std::string, prometheus::Gauge*>;  // By metric name.
  absl::Status Show(const StepMetrics& row, Gauges& gauges);

  MetricsLog steps_;
  MetricsLog evaluations_;
  SampleLog samples_;
  std::string groups_dir_;  // Empty: none are kept.
  std::optional<TensorBoardWriter> tensorboard_;
  Metrics* metrics_;
  Gauges step_gauges_, evaluation_gauges_;
};

}  // namespace maspo
