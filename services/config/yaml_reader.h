#pragma once

#include <google/protobuf/message.h>
#include <yaml-cpp/yaml.h>

#include <string>

#include "absl/status/status.h"

namespace maspo {

// Where YAML text came from: begins error messages and anchors relative paths.
struct YamlOrigin {
  std::string name;         // File name, or the flag with its value.
  bool has_lines = true;    // Whether a line number means anything to the user.
  std::string base_folder;  // Relative paths are resolved against this.

  std::string At(const YAML::Node& node) const;  // "FILE:LINE: " or "FLAG: ".
};

// Sets the fields of `message` that a YAML mapping names; the others keep their values. A list replaces a list.
// `prefix` is the key path of the mapping ("learner."), for messages. InvalidArgument: unknown or repeated key, wrong
// kind, wrong type, out of range.
absl::Status ReadYaml(const YAML::Node& mapping, const YamlOrigin& origin, const std::string& prefix,
                      google::protobuf::Message& message);

// Sets one field from its value.
absl::Status ReadYamlField(const YAML::Node& value, const YamlOrigin& origin, const std::string& key_path,
                           const google::protobuf::FieldDescriptor* field, google::protobuf::Message& message);

// "unknown key learner.optimiser; did you mean optimizer?" for a key that the message does not have.
std::string UnknownKey(const std::string& prefix, const std::string& key, const google::protobuf::Descriptor* message);

}  // namespace maspo
