#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/completion/completion_script.h"

namespace maspo {
namespace {

using Kind = CompletionValue::Kind;

// What stands before every script's own part, with PROGRAM for its name. Readline splits words at "=", so
// --set=run.steps comes as three.
constexpr char kHead[] = R"sh(# bash completion of PROGRAM, made by: PROGRAM completion bash

_PROGRAM_reply() {
  local kind=$1 cur=$2; shift 2
  case $kind in
    words) mapfile -t COMPREPLY < <(compgen -W "$*" -- "$cur") ;;
    keys) mapfile -t COMPREPLY < <(compgen -W "$*" -S = -- "$cur"); compopt -o nospace 2>/dev/null ;;
    files) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); compopt -o filenames 2>/dev/null ;;
    folders) mapfile -t COMPREPLY < <(compgen -d -- "$cur"); compopt -o filenames 2>/dev/null ;;
  esac
}

_PROGRAM() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= word
  COMPREPLY=()
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = && COMP_CWORD -ge 2 ]]; then
    prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ $word != -* ]]; then command=$word; break; fi
  done
)sh";

std::string Reply(const CommandTree& tree, const CompletionValue& value) {
  const std::string call = absl::StrCat("_", tree.program, "_reply ");
  switch (value.kind) {
    case Kind::kFile:
      return call + "files \"$cur\"";
    case Kind::kFolder:
      return call + "folders \"$cur\"";
    case Kind::kConfigKey:
      return absl::StrCat(call, "keys \"$cur\" $keys");
    case Kind::kChoice:
      return absl::StrCat(call, "words \"$cur\" ", absl::StrJoin(value.choices, " "));
    case Kind::kNone:
    case Kind::kAny:
      return ":";
  }
  return ":";
}

std::string Names(const std::vector<CompletionOption>& options) {
  std::vector<std::string> names;
  for (const CompletionOption& option : options) names.insert(names.end(), option.names.begin(), option.names.end());
  return absl::StrJoin(names, " ");
}

std::string CommandCase(const CommandTree& tree, const CompletionCommand& command) {
  std::string text = absl::StrCat("    ", command.name, ")\n      case $prev in\n");
  for (const CompletionOption& option : command.options) {
    if (option.value.kind == Kind::kNone) continue;
    absl::StrAppend(&text, "        ", absl::StrJoin(option.names, "|"), ") ", Reply(tree, option.value),
                    "; return ;;\n");
  }
  const std::string options = absl::StrCat("_", tree.program, "_reply words \"$cur\" ", Names(command.options));
  const std::string position = command.positions.empty() ? options : Reply(tree, command.positions.front().value);
  absl::StrAppend(&text, "      esac\n      if [[ $cur == -* ]]; then ", options, "; else ", position, "; fi ;;\n");
  return text;
}

}  // namespace

std::string BashCompletion(const CommandTree& tree) {
  std::vector<std::string> commands;
  for (const CompletionCommand& command : tree.commands) commands.push_back(command.name);
  std::string script = absl::StrReplaceAll(kHead, {{"PROGRAM", tree.program}});
  absl::StrAppend(&script, "  local keys=\"", absl::StrJoin(tree.config_keys, " "), "\"\n  case $command in\n");
  absl::StrAppend(&script, "    \"\") _", tree.program, "_reply words \"$cur\" ", absl::StrJoin(commands, " "), " ",
                  Names(tree.options), " ;;\n");
  for (const CompletionCommand& command : tree.commands) absl::StrAppend(&script, CommandCase(tree, command));
  absl::StrAppend(&script, "  esac\n}\n\ncomplete -F _", tree.program, " ", tree.program, "\n");
  return script;
}

}  // namespace maspo
