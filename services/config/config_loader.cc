#include "services/config/config_loader.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"
#include "services/config/yaml_reader.h"

namespace maspo {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// The only document of a YAML text. yaml-cpp reports syntax errors by exceptions; they end here.
absl::StatusOr<YAML::Node> Parse(const std::string& text, const YamlOrigin& origin) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.empty()) return YAML::Node();
    if (documents.size() == 1) return documents[0];
    return absl::InvalidArgumentError(
        absl::StrCat(origin.At(documents[1]), "a configuration is one document; remove the line \"---\""));
  } catch (const YAML::Exception& error) {
    const std::string line = origin.has_lines ? absl::StrCat(":", error.mark.line + 1) : "";
    return absl::InvalidArgumentError(absl::StrCat(origin.name, line, ": not valid YAML: ", error.msg));
  }
}

absl::Status ReadFileInto(const std::string& path, v1::RunConfig& config) {
  MASPO_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  const std::string folder = std::filesystem::absolute(path).parent_path().string();
  const YamlOrigin origin{.name = path, .has_lines = true, .base_folder = folder};
  MASPO_ASSIGN_OR_RETURN(const YAML::Node document, Parse(text, origin));
  return ReadYaml(document, origin, "", config);
}

// One "a.b.c=value". Text for a string key is taken as it stands; everything else is YAML, so lists can be given.
absl::Status Override(const std::string& assignment, v1::RunConfig& config) {
  const YamlOrigin origin{.name = absl::StrCat("--set ", assignment),
                          .has_lines = false,
                          .base_folder = std::filesystem::current_path().string()};
  const auto error = [&](const std::string& text) {
    return absl::InvalidArgumentError(absl::StrCat(origin.name, ": ", text));
  };
  const size_t equals = assignment.find('=');
  if (equals == assignment.npos || equals == 0) return error("write key.path=value");
  const std::string key_path = assignment.substr(0, equals);
  const std::string text = assignment.substr(equals + 1);

  const std::vector<std::string> keys = absl::StrSplit(key_path, '.');
  Message* section = &config;
  std::string prefix;
  for (size_t i = 0; i < keys.size(); ++i) {
    const FieldDescriptor* field = section->GetDescriptor()->FindFieldByName(keys[i]);
    if (field == nullptr) return error(UnknownKey(prefix, keys[i], section->GetDescriptor()));
    const bool is_section = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (i + 1 == keys.size()) {
      const bool is_list = field->is_repeated() && text.starts_with('[') && text.ends_with(']');  // Not [::1]:0.
      const bool verbatim = field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && !is_list;
      if (verbatim) return ReadYamlField(YAML::Node(text), origin, key_path, field, *section);
      MASPO_ASSIGN_OR_RETURN(const YAML::Node value, Parse(text, origin));
      return ReadYamlField(value, origin, key_path, field, *section);
    }
    absl::StrAppend(&prefix, keys[i], ".");
    if (!is_section) return error(absl::StrCat(prefix.substr(0, prefix.size() - 1), " has no keys below it"));
    section = section->GetReflection()->MutableMessage(section, field);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::RunConfig> LoadConfig(const std::string& path, const std::vector<std::string>& overrides) {
  v1::RunConfig config;
  if (!path.empty()) MASPO_RETURN_IF_ERROR(ReadFileInto(path, config));
  for (const std::string& assignment : overrides) MASPO_RETURN_IF_ERROR(Override(assignment, config));
  return config;
}

}  // namespace maspo
