#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/train/run_summary.h"
#include "learner/ledger/ledger_state.h"

namespace maspo {

// What a run's folder says about it, finished or going on.
struct RunFiles {
  struct Response {
    std::string text, verdict, answer;
    double reward = 0;
  };
  struct Sample {
    int64_t step = 0;
    std::string prompt;
    std::vector<Response> responses;
  };

  std::string name;  // Of the folder.
  std::string run_dir;
  RunSummary summary;
  std::string config;                  // YAML; empty when there is none.
  std::optional<LedgerCounts> ledger;  // Nullopt when there is none.
  std::vector<Sample> samples;

  // NotFound: the run has no metrics.
  static absl::StatusOr<RunFiles> Load(const std::string& run_dir);
};

}  // namespace maspo
