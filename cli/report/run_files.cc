#include "cli/report/run_files.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "learner/ledger/ledger.h"
#include "services/base/atomic_file.h"
#include "services/base/jsonl.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

namespace fs = std::filesystem;

RunFiles::Sample ToSample(const nlohmann::json& row) {
  RunFiles::Sample sample;
  sample.step = row.value("step", int64_t{0});
  sample.prompt = row.value("prompt", "");
  for (const nlohmann::json& response : row.value("responses", nlohmann::json::array())) {
    sample.responses.push_back({.text = response.value("text", ""),
                                .verdict = response.value("verdict", ""),
                                .answer = response.value("answer", ""),
                                .reward = response.value("reward", 0.0)});
  }
  return sample;
}

absl::StatusOr<std::vector<RunFiles::Sample>> LoadSamples(const std::string& path) {
  std::vector<RunFiles::Sample> samples;
  if (!fs::exists(path)) return samples;
  MASPO_ASSIGN_OR_RETURN(JsonlReader reader, JsonlReader::Open(path));
  nlohmann::json row;
  while (true) {
    MASPO_ASSIGN_OR_RETURN(const bool more, reader.Next(row));
    if (!more) return samples;
    samples.push_back(ToSample(row));
  }
}

}  // namespace

absl::StatusOr<RunFiles> RunFiles::Load(const std::string& run_dir) {
  RunFiles files;
  files.run_dir = fs::absolute(run_dir).lexically_normal().string();
  files.name = fs::path(files.run_dir).filename().string();
  MASPO_ASSIGN_OR_RETURN(files.summary, RunSummary::Load(run_dir));
  const std::string config = run_dir + "/config.yaml";
  if (fs::exists(config)) {
    MASPO_ASSIGN_OR_RETURN(files.config, ReadFile(config));
  }
  const std::string ledger = run_dir + "/ledger.jsonl";
  if (fs::exists(ledger)) {
    MASPO_ASSIGN_OR_RETURN(const LedgerFile read, ReadLedger(ledger));
    files.ledger = read.state.counts();
  }
  MASPO_ASSIGN_OR_RETURN(files.samples, LoadSamples(run_dir + "/samples.jsonl"));
  return files;
}

}  // namespace maspo
