#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace maspo {

// What may follow an option or stand in a position.
struct CompletionValue {
  enum class Kind { kNone, kAny, kFile, kFolder, kConfigKey, kChoice };
  Kind kind = Kind::kNone;  // kNone: a flag.
  std::string name;         // "FILE", as --help calls it.
  std::vector<std::string> choices;
};

struct CompletionOption {
  std::vector<std::string> names;  // "-h", "--help"; empty for a position.
  std::string description;
  CompletionValue value;
  bool repeats = false;
};

struct CompletionCommand {
  std::string name, description;
  std::vector<CompletionOption> options, positions;
};

// A program as a shell completes it, read from its declared flags, so that a new flag needs nothing here. The type name
// of an option says what it takes: DIR, FILE, the set of CLI::IsMember; any text may be a file, and no number is. --set
// takes a configuration key. Pure.
struct CommandTree {
  std::string program;
  std::vector<CompletionOption> options;  // Of the program itself.
  std::vector<CompletionCommand> commands;
  std::vector<std::string> config_keys;  // Every leaf of the run configuration's schema, "run.steps".

  static CommandTree Of(const CLI::App& app, const std::string& program);
};

}  // namespace maspo
