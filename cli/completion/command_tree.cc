#include "cli/completion/command_tree.h"

#include <google/protobuf/descriptor.h>

#include <CLI/CLI.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/run_config.pb.h"

namespace maspo {
namespace {

using Kind = CompletionValue::Kind;

// "TEXT:{constant,linear,cosine}" -> the three.
std::vector<std::string> ChoicesIn(const std::string& type_name) {
  const size_t open = type_name.find('{'), close = type_name.find('}');
  if (open == std::string::npos || close == std::string::npos) return {};
  return absl::StrSplit(type_name.substr(open + 1, close - open - 1), ',');
}

CompletionValue ValueOf(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return {};
  const std::string type_name = option.get_type_name();
  if (std::vector<std::string> choices = ChoicesIn(type_name); !choices.empty()) {
    return {Kind::kChoice, "CHOICE", std::move(choices)};
  }
  if (option.check_lname("set")) return {Kind::kConfigKey, "KEY=VALUE", {}};
  if (type_name == "DIR") return {Kind::kFolder, type_name, {}};
  if (type_name == "FILE" || type_name == "TEXT") return {Kind::kFile, type_name, {}};
  return {Kind::kAny, type_name.substr(0, type_name.find(':')), {}};
}

CompletionOption OptionOf(const CLI::Option& option) {
  CompletionOption completed;
  for (const std::string& name : option.get_snames()) completed.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) completed.names.push_back("--" + name);
  completed.description = option.get_description();
  completed.value = ValueOf(option);
  completed.repeats = option.get_items_expected_max() > 1;
  return completed;
}

void AppendKeys(const google::protobuf::Descriptor& message, const std::string& prefix,
                std::vector<std::string>& keys) {
  for (int i = 0; i < message.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *message.field(i);
    if (field.message_type() != nullptr && !field.is_repeated()) {
      AppendKeys(*field.message_type(), absl::StrCat(prefix, field.name(), "."), keys);
    } else {
      keys.push_back(prefix + field.name());
    }
  }
}

}  // namespace

CommandTree CommandTree::Of(const CLI::App& app, const std::string& program) {
  CommandTree tree;
  tree.program = program;
  for (const CLI::Option* option : app.get_options()) tree.options.push_back(OptionOf(*option));
  for (const CLI::App* command : app.get_subcommands(/*filter=*/{})) {
    CompletionCommand& completed = tree.commands.emplace_back();
    completed.name = command->get_name();
    completed.description = command->get_description();
    for (const CLI::Option* option : command->get_options()) {
      (option->get_positional() ? completed.positions : completed.options).push_back(OptionOf(*option));
    }
    // A position has its name only here.
    for (CompletionOption& position : completed.positions) position.names.clear();
  }
  AppendKeys(*v1::RunConfig::descriptor(), "", tree.config_keys);
  return tree;
}

}  // namespace maspo
