#include "services/config/yaml_reader.h"

#include <google/protobuf/descriptor.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/spelling.h"
#include "services/base/status_macros.h"
#include "services/config/closest_name.h"

namespace maspo {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

const char* KindOf(const YAML::Node& node) {
  if (node.IsMap()) return "a section";
  if (node.IsSequence()) return "a list";
  return node.IsNull() ? "empty" : "a single value";
}

absl::Status Error(const YamlOrigin& origin, const YAML::Node& node, const std::string& text) {
  return absl::InvalidArgumentError(absl::StrCat(origin.At(node), text));
}

// Strings of these fields are paths of files or folders.
bool IsPath(const FieldDescriptor* field) {
  static const std::set<std::string> kPaths = {"maspo.v1.ModelSection.path", "maspo.v1.DataSection.train",
                                               "maspo.v1.DataSection.eval",  "maspo.v1.NetworkSection.token_file",
                                               "maspo.v1.TlsConfig.ca_file", "maspo.v1.TlsConfig.certificate_file",
                                               "maspo.v1.TlsConfig.key_file"};
  return kPaths.contains(field->full_name());
}

// One scalar of a field: sets it, or adds it to a repeated one.
class ScalarReader {
 public:
  ScalarReader(const YamlOrigin& origin, const std::string& key_path, const FieldDescriptor* field, Message& message)
      : origin_(origin), key_path_(key_path), field_(field), message_(message) {}

  absl::Status Read(const YAML::Node& node) {
    if (node.IsNull()) return Error(origin_, node, absl::StrCat(key_path_, " has no value"));
    if (!node.IsScalar()) {
      return Error(origin_, node, absl::StrCat(key_path_, " must be a single value, not ", KindOf(node)));
    }
    const bool quoted = node.Tag() == "!";
    if (quoted && !IsText()) return Refuse(node);
    switch (field_->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return Store(Path(node.Scalar()), &Reflection::SetString, &Reflection::AddString);
      case FieldDescriptor::CPPTYPE_BOOL:
        if (node.Scalar() != "true" && node.Scalar() != "false") return Refuse(node);
        return Store(node.Scalar() == "true", &Reflection::SetBool, &Reflection::AddBool);
      case FieldDescriptor::CPPTYPE_DOUBLE: {
        double value = 0;
        if (!absl::SimpleAtod(node.Scalar(), &value) || !std::isfinite(value)) return Refuse(node);
        return Store(value, &Reflection::SetDouble, &Reflection::AddDouble);
      }
      case FieldDescriptor::CPPTYPE_UINT32:
        return ReadInteger<uint32_t>(node, &Reflection::SetUInt32, &Reflection::AddUInt32);
      case FieldDescriptor::CPPTYPE_ENUM: {
        const auto* value = FindSpelling(*field_->enum_type(), node.Scalar());
        if (value == nullptr) return Refuse(node);
        return Store(value, &Reflection::SetEnum, &Reflection::AddEnum);
      }
      case FieldDescriptor::CPPTYPE_UINT64:
        return ReadInteger<uint64_t>(node, &Reflection::SetUInt64, &Reflection::AddUInt64);
      default:
        MASPO_CHECK(!"run_config.proto uses a scalar type that the reader does not know");
        return absl::OkStatus();
    }
  }

 private:
  using Reflection = google::protobuf::Reflection;

  // Whether quotes mean nothing: the value is text anyway.
  bool IsText() const {
    return field_->cpp_type() == FieldDescriptor::CPPTYPE_STRING || field_->cpp_type() == FieldDescriptor::CPPTYPE_ENUM;
  }

  absl::Status Refuse(const YAML::Node& node) const {
    return Error(origin_, node,
                 absl::StrCat(key_path_, " must be ", Wanted(), ", not \"", node.Scalar(), "\"", Hint(node.Scalar())));
  }

  std::string Wanted() const {
    switch (field_->cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        return "true or false";
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return "a number";
      case FieldDescriptor::CPPTYPE_ENUM: {
        const std::vector<std::string> known = Spellings(*field_->enum_type());
        return absl::StrCat(known.size() == 1 ? "" : "one of ", absl::StrJoin(known, ", "));
      }
      case FieldDescriptor::CPPTYPE_UINT32:
        return absl::StrCat("an integer from 0 to ", std::numeric_limits<uint32_t>::max());
      default:
        return "an integer >= 0";
    }
  }

  std::string Hint(const std::string& text) const {
    if (field_->cpp_type() != FieldDescriptor::CPPTYPE_ENUM) return "";
    const std::string closest = ClosestName(text, Spellings(*field_->enum_type()));
    return closest.empty() ? "" : absl::StrCat("; did you mean ", closest, "?");
  }

  std::string Path(const std::string& text) const {
    if (!IsPath(field_) || text.empty()) return text;
    return (std::filesystem::path(origin_.base_folder) / text).lexically_normal().string();
  }

  template <typename Integer, typename Set, typename Add>
  absl::Status ReadInteger(const YAML::Node& node, Set set, Add add) {
    Integer value = 0;
    if (!absl::SimpleAtoi(node.Scalar(), &value)) return Refuse(node);
    return Store(value, set, add);
  }

  template <typename Value, typename Set, typename Add>
  absl::Status Store(Value value, Set set, Add add) {
    const Reflection* reflection = message_.GetReflection();
    (reflection->*(field_->is_repeated() ? add : set))(&message_, field_, std::move(value));
    return absl::OkStatus();
  }

  const YamlOrigin& origin_;
  const std::string& key_path_;
  const FieldDescriptor* field_;
  Message& message_;
};

}  // namespace

std::string YamlOrigin::At(const YAML::Node& node) const {
  if (!has_lines || node.Mark().is_null()) return absl::StrCat(name, ": ");
  return absl::StrCat(name, ":", node.Mark().line + 1, ": ");
}

std::string UnknownKey(const std::string& prefix, const std::string& key, const Descriptor* message) {
  std::vector<std::string> siblings;
  for (int i = 0; i < message->field_count(); ++i) siblings.push_back(message->field(i)->name());
  const std::string closest = ClosestName(key, siblings);
  const std::string hint = closest.empty() ? absl::StrCat("known here: ", absl::StrJoin(siblings, ", "))
                                           : absl::StrCat("did you mean ", closest, "?");
  return absl::StrCat("unknown key ", prefix, key, "; ", hint);
}

absl::Status ReadYamlField(const YAML::Node& value, const YamlOrigin& origin, const std::string& key_path,
                           const FieldDescriptor* field, Message& message) {
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    return ReadYaml(value, origin, absl::StrCat(key_path, "."),
                    *message.GetReflection()->MutableMessage(&message, field));
  }
  ScalarReader reader(origin, key_path, field, message);
  if (!field->is_repeated()) return reader.Read(value);
  message.GetReflection()->ClearField(&message, field);
  if (!value.IsSequence()) return reader.Read(value);
  for (const YAML::Node& item : value) MASPO_RETURN_IF_ERROR(reader.Read(item));
  return absl::OkStatus();
}

absl::Status ReadYaml(const YAML::Node& mapping, const YamlOrigin& origin, const std::string& prefix,
                      Message& message) {
  if (mapping.IsNull()) return absl::OkStatus();  // A section whose keys are all commented out.
  if (!mapping.IsMap()) {
    const std::string what = prefix.empty() ? "the configuration" : prefix.substr(0, prefix.size() - 1);
    return Error(origin, mapping,
                 absl::StrCat(what, " must be a section of \"key: value\" lines, not ", KindOf(mapping)));
  }
  std::set<std::string> seen;
  for (const auto& entry : mapping) {
    if (!entry.first.IsScalar()) return Error(origin, entry.first, "a key must be a single word");
    const std::string& key = entry.first.Scalar();
    const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(key);
    if (field == nullptr) return Error(origin, entry.first, UnknownKey(prefix, key, message.GetDescriptor()));
    const std::string key_path = absl::StrCat(prefix, key);
    if (!seen.insert(key).second) return Error(origin, entry.first, absl::StrCat(key_path, " is given twice"));
    const bool no_value = entry.second.IsNull() && field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE;
    // The parser places a missing value behind the line break, so the key tells the line.
    if (no_value) return Error(origin, entry.first, absl::StrCat(key_path, " has no value"));
    MASPO_RETURN_IF_ERROR(ReadYamlField(entry.second, origin, key_path, field, message));
  }
  return absl::OkStatus();
}

}  // namespace maspo
