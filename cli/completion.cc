#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/completion/command_tree.h"
#include "cli/completion/completion_script.h"

namespace maspo {
namespace {

absl::Status PrintCompletion(const CLI::App& maspo, const std::string& shell) {
  const CommandTree tree = CommandTree::Of(maspo, "maspo");
  const std::string script = shell == "bash"  ? BashCompletion(tree)
                             : shell == "zsh" ? ZshCompletion(tree)
                                              : FishCompletion(tree);
  std::fputs(script.c_str(), stdout);
  return absl::OkStatus();
}

}  // namespace

void AddCompletionCommand(CLI::App& maspo, CommandBody& run) {
  auto shell = std::make_shared<std::string>();
  CLI::App* app = maspo.add_subcommand("completion", "Print a script that completes this program's command lines");
  app->add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  app->callback([shell, &maspo, &run] { run = [shell, &maspo] { return PrintCompletion(maspo, *shell); }; });
}

}  // namespace maspo
