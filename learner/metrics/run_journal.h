#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learner/metrics/metrics_log.h"
#include "learner/metrics/tensorboard_writer.h"
#include "services/base/metrics.h"

namespace maspo {

// Everything the learner tells about its steps, to everywhere people look: RUN_DIR/metrics.jsonl (training steps),
// RUN_DIR/evaluations.jsonl (evaluations, the one before training included), TensorBoard, and Prometheus gauges.
//
// A resumed run forgets what was recorded after its checkpoint. Not thread-safe.
class RunJournal {
 public:
  struct Options {
    std::string run_dir;
    uint64_t resume_step = 0;  // Finished steps of the checkpoint that the run goes on from; 0 = a new run.
    bool tensorboard = true;
  };
  static absl::StatusOr<RunJournal> Open(const Options& options, Metrics& metrics);

  absl::Status Record(const StepMetrics& row);
  absl::Status RecordEvaluation(const StepMetrics& scores);

 private:
  RunJournal(MetricsLog steps, MetricsLog evaluations, Metrics& metrics)
      : steps_(std::move(steps)), evaluations_(std::move(evaluations)), metrics_(&metrics) {}
  absl::Status Show(const StepMetrics& row);

  MetricsLog steps_;
  MetricsLog evaluations_;
  std::optional<TensorBoardWriter> tensorboard_;
  Metrics* metrics_;
  std::map<std::string, prometheus::Gauge*> gauges_;  // By metric name.
};

}  // namespace maspo
