#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/trace/group_timeline.h"
#include "cli/trace/trace_formats.h"
#include "cli/train/run_summary.h"
#include "learner/ledger/ledger.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

struct TraceFlags {
  std::string run_dir, output, format = "chrome";
};

// From taking a step's groups to writing that they are trained. Absent without metrics, as in a run's first step.
std::map<uint64_t, double> TrainSeconds(const std::string& run_dir) {
  std::map<uint64_t, double> seconds;
  const auto summary = RunSummary::Load(run_dir);
  if (!summary.ok()) return seconds;
  for (const RunSummary::Row& row : summary->steps) {
    double& total = seconds[static_cast<uint64_t>(row.at("step"))];
    for (const char* part : {"time/old_logprobs_s", "time/update_s"}) total += row.contains(part) ? row.at(part) : 0;
  }
  return seconds;
}

absl::Status RunTrace(const TraceFlags& flags) {
  GroupTimeline timeline(TrainSeconds(flags.run_dir));
  MASPO_RETURN_IF_ERROR(
      ReadLedger(flags.run_dir + "/ledger.jsonl", [&](const LedgerEvent& event) { timeline.Add(event); }).status());
  const bool otlp = flags.format == "otlp";
  const std::string path =
      !flags.output.empty() ? flags.output : flags.run_dir + (otlp ? "/trace.otlp.jsonl" : "/trace.json");
  const std::string run = std::filesystem::absolute(flags.run_dir).lexically_normal().filename().string();
  const std::string text =
      otlp ? OtlpTrace(timeline.slices(), run)
           : ChromeTrace(timeline.slices()).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  MASPO_RETURN_IF_ERROR(WriteFileAtomically(path, text));
  std::printf("%s: %s\n", path.c_str(),
              otlp ? "the OpenTelemetry Collector's otlpjsonfile receiver reads it"
                   : "open it in chrome://tracing or ui.perfetto.dev");
  return absl::OkStatus();
}

}  // namespace

void AddTraceCommand(CLI::App& maspo, CommandBody& run) {
  auto flags = std::make_shared<TraceFlags>();
  CLI::App* app = maspo.add_subcommand("trace", "Write the life of every prompt group as a timeline");
  app->add_option("RUN_DIR", flags->run_dir, "Folder of a run, finished or going on")->type_name("DIR")->required();
  app->add_option("--format", flags->format, "chrome: one JSON object; otlp: OpenTelemetry's JSON lines")
      ->capture_default_str()
      ->check(CLI::IsMember({"chrome", "otlp"}));
  app->add_option("--output", flags->output, "Trace file. Default: trace.json or trace.otlp.jsonl in RUN_DIR")
      ->type_name("FILE");
  app->callback([flags, &run] { run = [flags] { return RunTrace(*flags); }; });
}

}  // namespace maspo
