#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <yaml-cpp/yaml.h>

#include <charconv>

#include "absl/strings/str_cat.h"
#include "services/base/atomic_file.h"
#include "services/base/spelling.h"
#include "services/base/status_macros.h"
#include "services/config/config_loader.h"

namespace maspo {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool AbsenceHasMeaning(const FieldDescriptor* field) { return field->message_type() == v1::TlsConfig::descriptor(); }

// Sets every unset field that has a default to it.
void FillDefaults(Message& message) {
  const Descriptor* descriptor = message.GetDescriptor();
  const Reflection* reflection = message.GetReflection();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (field->is_repeated()) continue;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (reflection->HasField(message, field) || !AbsenceHasMeaning(field)) {
        FillDefaults(*reflection->MutableMessage(&message, field));
      }
      continue;
    }
    if (reflection->HasField(message, field) || !field->has_default_value()) continue;
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        reflection->SetString(&message, field, field->default_value_string());
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        reflection->SetBool(&message, field, field->default_value_bool());
        break;
      case FieldDescriptor::CPPTYPE_DOUBLE:
        reflection->SetDouble(&message, field, field->default_value_double());
        break;
      case FieldDescriptor::CPPTYPE_UINT32:
        reflection->SetUInt32(&message, field, field->default_value_uint32());
        break;
      case FieldDescriptor::CPPTYPE_ENUM:
        reflection->SetEnum(&message, field, field->default_value_enum());
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        reflection->SetUInt64(&message, field, field->default_value_uint64());
        break;
      default:
        MASPO_CHECK(!"run_config.proto uses a scalar type that the writer does not know");
    }
  }
}

// The shortest text that reads back to the same double, with a point, so that every YAML reader takes it for a number.
std::string DoubleText(double value) {
  char buffer[32];
  std::string text(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
  if (text.find('.') != text.npos) return text;
  const size_t exponent = text.find('e');
  return exponent == text.npos ? text + ".0" : text.insert(exponent, ".0");
}

// `index` is -1 for a singular field.
std::string ScalarText(const Message& message, const FieldDescriptor* field, int index) {
  const Reflection* r = message.GetReflection();
  const bool repeated = index >= 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return (repeated ? r->GetRepeatedBool(message, field, index) : r->GetBool(message, field)) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return DoubleText(repeated ? r->GetRepeatedDouble(message, field, index) : r->GetDouble(message, field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(repeated ? r->GetRepeatedUInt32(message, field, index) : r->GetUInt32(message, field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(repeated ? r->GetRepeatedUInt64(message, field, index) : r->GetUInt64(message, field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return Spelling(*(repeated ? r->GetRepeatedEnum(message, field, index) : r->GetEnum(message, field)));
    default:
      return repeated ? r->GetRepeatedString(message, field, index) : r->GetString(message, field);
  }
}

void EmitScalar(const Message& message, const FieldDescriptor* field, int index, YAML::Emitter& out) {
  // Quoted, a string never turns into null, a number or a boolean.
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) out << YAML::DoubleQuoted;
  out << ScalarText(message, field, index);
}

void Emit(const Message& message, YAML::Emitter& out) {
  const Descriptor* descriptor = message.GetDescriptor();
  const Reflection* reflection = message.GetReflection();
  out << YAML::BeginMap;
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (field->is_repeated()) {
      if (reflection->FieldSize(message, field) == 0) continue;
      out << YAML::Key << field->name() << YAML::Value << YAML::Flow << YAML::BeginSeq;
      for (int k = 0; k < reflection->FieldSize(message, field); ++k) EmitScalar(message, field, k, out);
      out << YAML::EndSeq;
    } else if (reflection->HasField(message, field)) {
      out << YAML::Key << field->name() << YAML::Value;
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        Emit(reflection->GetMessage(message, field), out);
      } else {
        EmitScalar(message, field, -1, out);
      }
    }
  }
  out << YAML::EndMap;
}

}  // namespace

v1::RunConfig ResolveDefaults(const v1::RunConfig& config) {
  v1::RunConfig resolved = config;
  FillDefaults(resolved);
  return resolved;
}

std::string ResolvedYaml(const v1::RunConfig& config) {
  YAML::Emitter out;
  Emit(ResolveDefaults(config), out);
  return absl::StrCat(out.c_str(), "\n");
}

absl::Status WriteResolvedConfig(const v1::RunConfig& config, const std::string& path) {
  return WriteFileAtomically(path, ResolvedYaml(config));
}

}  // namespace maspo
