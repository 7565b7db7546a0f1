#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/report/report_page.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

struct ReportFlags {
  std::vector<std::string> run_dirs;
  std::string output;
};

absl::Status RunReport(const ReportFlags& flags) {
  std::vector<RunFiles> runs;
  for (const std::string& run_dir : flags.run_dirs) {
    MASPO_ASSIGN_OR_RETURN(RunFiles run, RunFiles::Load(run_dir));
    runs.push_back(std::move(run));
  }
  const std::string path = flags.output.empty() ? flags.run_dirs.front() + "/report.html" : flags.output;
  MASPO_RETURN_IF_ERROR(WriteFileAtomically(path, ReportPage(runs)));
  std::printf("%s\n", path.c_str());
  return absl::OkStatus();
}

}  // namespace

void AddReportCommand(CLI::App& maspo, CommandBody& run) {
  auto flags = std::make_shared<ReportFlags>();
  CLI::App* app = maspo.add_subcommand("report", "Write one HTML page about a run, or several compared");
  app->add_option("RUN_DIR", flags->run_dirs, "Folders of runs, finished or going on")->type_name("DIR")->required();
  app->add_option("--output", flags->output, "HTML file. Default: report.html in the first RUN_DIR")->type_name("FILE");
  app->callback([flags, &run] { run = [flags] { return RunReport(*flags); }; });
}

}  // namespace maspo
