#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace maspo {

// The metrics of one training step, by the names of docs/metrics.md. Sorted by name.
struct StepMetrics {
  uint64_t step = 0;                     // Finished training steps.
  std::map<std::string, double> values;  // Without "step".
};

// A file like RUN_DIR/metrics.jsonl: one row {"step": n, name: value, ...} a step, flushed as it is written. A value
// that is not finite becomes null. A torn last row, left by a crash, is cut off on opening.
//
// Not thread-safe.
class MetricsLog {
 public:
  // Creates the file or goes on after its last row. InvalidArgument: names the row that is no object with a step, or
  // not later than the one before. Unavailable: cannot open.
  static absl::StatusOr<MetricsLog> Open(const std::string& path);

  // AlreadyExists: the file has this step or a later one. Unavailable: cannot write.
  absl::Status Append(const StepMetrics& row);
  // The same for a row of other columns: one JSON object whose "step" is `step`.
  absl::Status AppendObject(uint64_t step, const std::string& json);

  // Forgets rows of later steps (a resumed run makes them again). The file is replaced atomically.
  absl::Status TruncateAfter(uint64_t step);
  absl::Status Clear();  // Forgets all.

  bool empty() const { return empty_; }
  uint64_t last_step() const { return last_step_; }  // 0 while empty.

 private:
  explicit MetricsLog(std::string path) : path_(std::move(path)) {}
  absl::Status KeepRowsUpTo(std::optional<uint64_t> step);

  std::string path_;
  std::ofstream out_;
  bool empty_ = true;
  uint64_t last_step_ = 0;
};

}  // namespace maspo
