#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/completion/completion_script.h"

namespace maspo {
namespace {

using Kind = CompletionValue::Kind;

// Inside '...[description]...' of _arguments and 'name:description' of _describe.
std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"'", "'\\''"}, {"[", "\\["}, {"]", "\\]"}, {":", "\\:"}, {"\\", "\\\\"}});
}

std::string Action(const CommandTree& tree, const CompletionValue& value) {
  switch (value.kind) {
    case Kind::kFile:
      return "_files";
    case Kind::kFolder:
      return "_files -/";
    case Kind::kConfigKey:
      return absl::StrCat("_", tree.program, "_keys");
    case Kind::kChoice:
      return absl::StrCat("(", absl::StrJoin(value.choices, " "), ")");
    case Kind::kNone:
    case Kind::kAny:
      return " ";
  }
  return " ";
}

std::string Specs(const CommandTree& tree, const std::vector<CompletionOption>& options) {
  std::string specs;
  for (const CompletionOption& option : options) {
    for (const std::string& name : option.names) {
      absl::StrAppend(&specs, " \\\n        '", option.repeats ? "*" : "", name, "[", Escaped(option.description), "]");
      if (option.value.kind != Kind::kNone) {
        absl::StrAppend(&specs, ":", Escaped(option.value.name), ":", Action(tree, option.value));
      }
      absl::StrAppend(&specs, "'");
    }
  }
  return specs;
}

std::string Positions(const CommandTree& tree, const std::vector<CompletionOption>& positions) {
  std::string specs;
  for (const CompletionOption& position : positions) {
    absl::StrAppend(&specs, " \\\n        '", position.repeats ? "*" : "1", ":", Escaped(position.description), ":",
                    Action(tree, position.value), "'");
  }
  return specs;
}

}  // namespace

std::string ZshCompletion(const CommandTree& tree) {
  const std::string& program = tree.program;
  std::string script = absl::StrCat("#compdef ", program, "\n# zsh completion of ", program, ", made by: ", program,
                                    " completion zsh\n\n_", program, "_keys() {\n  local -a keys=(",
                                    absl::StrJoin(tree.config_keys, " "), ")\n  compadd -S = -- $keys\n}\n\n_", program,
                                    "() {\n  local curcontext=$curcontext state line\n  local -a commands=(\n");
  for (const CompletionCommand& command : tree.commands) {
    absl::StrAppend(&script, "    '", command.name, ":", Escaped(command.description), "'\n");
  }
  absl::StrAppend(
      &script, "  )\n  _arguments -C", Specs(tree, tree.options),
      " \\\n        '1:command:->command' '*::argument:->arguments'\n  case $state in\n    command) _describe "
      "command commands ;;\n    arguments)\n      case $words[1] in\n");
  for (const CompletionCommand& command : tree.commands) {
    absl::StrAppend(&script, "      ", command.name, ") _arguments", Specs(tree, command.options),
                    Positions(tree, command.positions), " ;;\n");
  }
  // Loaded from $fpath the file is the function's first call; sourced it registers.
  absl::StrAppend(&script, "      esac ;;\n  esac\n}\n\nif [[ $funcstack[1] == _", program, " ]]; then\n  _", program,
                  " \"$@\"\nelse\n  compdef _", program, " ", program, "\nfi\n");
  return script;
}

}  // namespace maspo
