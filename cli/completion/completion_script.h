#pragma once

#include <string>

#include "cli/completion/command_tree.h"

namespace maspo {

// Completion scripts. Each stands alone: it needs neither the program nor bash-completion when it completes. Commands,
// flags, choices and configuration keys are in it; files and folders are found by the shell. Pure.
std::string BashCompletion(const CommandTree& tree);
std::string ZshCompletion(const CommandTree& tree);
std::string FishCompletion(const CommandTree& tree);

}  // namespace maspo
