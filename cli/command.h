#pragma once

#include <functional>

#include "absl/status/status.h"

namespace CLI {
class App;
}

namespace maspo {

// A subcommand of `maspo`. Each Add function declares the command's flags on the program; when the user chose that
// command, parsing sets `run` to its body. A failing body's message is one sentence: what, where, what to do.
using CommandBody = std::function<absl::Status()>;

// For a command that ran itself in other processes, which have said why they ended: the program ends with their exit
// code and says nothing. Does not return unless it is 0.
absl::Status ExitedWith(int exit_code);

void AddPlanCommand(CLI::App& maspo, CommandBody& run);
void AddTrainCommand(CLI::App& maspo, CommandBody& run);
void AddLearnCommand(CLI::App& maspo, CommandBody& run);
void AddSftCommand(CLI::App& maspo, CommandBody& run);
void AddGenerateCommand(CLI::App& maspo, CommandBody& run);
void AddScoreCommand(CLI::App& maspo, CommandBody& run);
void AddEvalCommand(CLI::App& maspo, CommandBody& run);
void AddVerifyCommand(CLI::App& maspo, CommandBody& run);
void AddExtractCommand(CLI::App& maspo, CommandBody& run);
void AddLedgerCommand(CLI::App& maspo, CommandBody& run);
void AddStatusCommand(CLI::App& maspo, CommandBody& run);
void AddReportCommand(CLI::App& maspo, CommandBody& run);
void AddTraceCommand(CLI::App& maspo, CommandBody& run);
void AddCompletionCommand(CLI::App& maspo, CommandBody& run);
void AddVersionCommand(CLI::App& maspo, CommandBody& run);

}  // namespace maspo
