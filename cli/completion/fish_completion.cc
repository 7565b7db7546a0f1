#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/completion/completion_script.h"

namespace maspo {
namespace {

using Kind = CompletionValue::Kind;

std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

// -r: a value is required; -f: no files; -a: these.
std::string Arguments(const CommandTree& tree, const CompletionValue& value) {
  switch (value.kind) {
    case Kind::kNone:
      return "";
    case Kind::kFile:
      return " -r -F";
    case Kind::kFolder:
      return " -r -f -a '(__fish_complete_directories)'";
    case Kind::kConfigKey:
      return absl::StrCat(" -r -f -a \"$_", tree.program, "_keys\"");
    case Kind::kChoice:
      return absl::StrCat(" -r -f -a ", Quoted(absl::StrJoin(value.choices, " ")));
    case Kind::kAny:
      return " -r -f";
  }
  return "";
}

std::string Line(const CommandTree& tree, const std::string& condition, const CompletionOption& option) {
  std::string line = absl::StrCat("complete -c ", tree.program, " -n ", Quoted(condition));
  for (const std::string& name : option.names) {
    absl::StrAppend(&line, absl::StartsWith(name, "--") ? " -l " + name.substr(2) : " -s " + name.substr(1));
  }
  return absl::StrCat(line, Arguments(tree, option.value), " -d ", Quoted(option.description), "\n");
}

}  // namespace

std::string FishCompletion(const CommandTree& tree) {
  const std::string& program = tree.program;
  std::string script =
      absl::StrCat("# fish completion of ", program, ", made by: ", program, " completion fish\n\nset -g _", program,
                   "_keys \"", absl::StrJoin(tree.config_keys, "= "), "=\"\ncomplete -c ", program, " -f\n");
  for (const CompletionOption& option : tree.options) {
    absl::StrAppend(&script, Line(tree, "__fish_use_subcommand", option));
  }
  for (const CompletionCommand& command : tree.commands) {
    absl::StrAppend(&script, "complete -c ", program, " -n __fish_use_subcommand -a ", command.name, " -d ",
                    Quoted(command.description), "\n");
    const std::string chosen = "__fish_seen_subcommand_from " + command.name;
    for (const CompletionOption& option : command.options) absl::StrAppend(&script, Line(tree, chosen, option));
    for (const CompletionOption& position : command.positions) absl::StrAppend(&script, Line(tree, chosen, position));
  }
  return script;
}

}  // namespace maspo
