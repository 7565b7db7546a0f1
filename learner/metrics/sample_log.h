#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learner/metrics/metrics_log.h"
#include "model/tokenizer.h"
#include "proto/trajectory.pb.h"

namespace maspo {

// Text for people: RUN_DIR/samples.jsonl, every so many steps the group with the smallest id that was trained on,
//
//   {"step":10,"group":"g00000144","prompt":"...","responses":[{"text","verdict","reward","answer","tokens"}, ...]}
//
// What the model wrote is untrusted: whoever shows it escapes it. Not thread-safe.
class SampleLog {
 public:
  struct Options {
    std::string path;
    uint64_t resume_step = 0;  // Rows of later steps are forgotten.
    uint32_t interval = 10;    // Steps between rows, the first step included; 0 = none.
  };
  // `tokenizer` outlives the log. Errors as in MetricsLog::Open.
  static absl::StatusOr<SampleLog> Open(const Options& options, const Tokenizer* tokenizer);

  // Unavailable: cannot write.
  absl::Status Record(uint64_t step, const v1::TrajectoryGroup& group);

 private:
  SampleLog(MetricsLog rows, uint32_t interval, const Tokenizer* tokenizer)
      : rows_(std::move(rows)), interval_(interval), tokenizer_(tokenizer) {}

  MetricsLog rows_;
  uint32_t interval_;
  const Tokenizer* tokenizer_;
};

}  // namespace maspo
