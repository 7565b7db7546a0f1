#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace maspo {

// What RUN_DIR/metrics.jsonl and evaluations.jsonl say about a finished run.
struct RunSummary {
  using Row = std::map<std::string, double>;

  std::vector<Row> steps;        // By step.
  std::vector<Row> evaluations;  // By policy version; the first is before training.

  // NotFound: the run has no metrics.
  static absl::StatusOr<RunSummary> Load(const std::string& run_dir);

  // Avg@k after the run minus before; nullopt without two evaluations.
  std::optional<double> Improvement() const;

  // The closing table: before and after, speed, time by phase, where the files are.
  std::string Table(const std::string& run_dir) const;

  // The same for programs: {"event":"end","run_dir":...,"steps":...,"updates":...,"responses":...,"improvement":...}
  std::string Json(const std::string& run_dir) const;
};

}  // namespace maspo
