#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/trace/group_timeline.h"
#include "learner/ledger/ledger.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

struct TraceFlags {
  std::string run_dir, output;
};

absl::Status RunTrace(const TraceFlags& flags) {
  GroupTimeline timeline;
  MASPO_RETURN_IF_ERROR(
      ReadLedger(flags.run_dir + "/ledger.jsonl", [&](const LedgerEvent& event) { timeline.Add(event); }).status());
  const std::string path = flags.output.empty() ? flags.run_dir + "/trace.json" : flags.output;
  MASPO_RETURN_IF_ERROR(WriteFileAtomically(
      path, timeline.Trace().dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)));
  std::printf("%s: open it in chrome://tracing or ui.perfetto.dev\n", path.c_str());
  return absl::OkStatus();
}

}  // namespace

void AddTraceCommand(CLI::App& maspo, CommandBody& run) {
  auto flags = std::make_shared<TraceFlags>();
  CLI::App* app = maspo.add_subcommand("trace", "Write the life of every prompt group as a timeline");
  app->add_option("RUN_DIR", flags->run_dir, "Folder of a run, finished or going on")->required();
  app->add_option("--output", flags->output, "Trace file in Chrome's format. Default: RUN_DIR/trace.json");
  app->callback([flags, &run] { run = [flags] { return RunTrace(*flags); }; });
}

}  // namespace maspo
