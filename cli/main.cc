#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "cli/command.h"
#include "services/base/exception_barrier.h"
#include "services/base/exit_code.h"
#include "services/base/version.h"
#include "services/config/flags.h"

namespace maspo {

absl::Status ExitedWith(int exit_code) {
  if (exit_code != kExitDone) std::_Exit(exit_code);
  return absl::OkStatus();
}

}  // namespace maspo

int main(int argc, char** argv) {
  CLI::App app{"maspo: reinforcement learning of reasoning language models"};
  app.set_version_flag("--version", maspo::VersionText());
  app.require_subcommand(1);
  maspo::CommandBody run;
  // One line a command, in the order of a user's day.
  maspo::AddPlanCommand(app, run);
  maspo::AddTrainCommand(app, run);
  maspo::AddStatusCommand(app, run);
  maspo::AddReportCommand(app, run);
  maspo::AddLedgerCommand(app, run);
  maspo::AddTraceCommand(app, run);
  maspo::AddLearnCommand(app, run);
  maspo::AddSftCommand(app, run);
  maspo::AddGenerateCommand(app, run);
  maspo::AddScoreCommand(app, run);
  maspo::AddEvalCommand(app, run);
  maspo::AddVerifyCommand(app, run);
  maspo::AddExtractCommand(app, run);
  maspo::AddCompletionCommand(app, run);
  maspo::AddVersionCommand(app, run);
  if (const std::optional<int> code = maspo::ParseFlags(app, argc, argv)) return *code;
  const absl::Status status = maspo::CatchExceptions(run);
  if (!status.ok()) std::fprintf(stderr, "maspo: %s\n", std::string(status.message()).c_str());
  return maspo::ExitCodeOf(status);
}
