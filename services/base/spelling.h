#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/generated_enum_reflection.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace maspo {

// How people write the values of the enumerations of proto/run_config.proto: AGGREGATION_TOKEN_MEAN is "token-mean", as
// its option (spelling) says.
std::string Spelling(const google::protobuf::EnumValueDescriptor& value);

// Of all values, in the schema's order.
std::vector<std::string> Spellings(const google::protobuf::EnumDescriptor& type);

// Null when no value is written like that.
const google::protobuf::EnumValueDescriptor* FindSpelling(const google::protobuf::EnumDescriptor& type,
                                                          std::string_view text);

template <typename Enum>
std::string Spelling(Enum value) {
  return Spelling(*google::protobuf::GetEnumDescriptor<Enum>()->FindValueByNumber(value));
}

template <typename Enum>
std::vector<std::string> Spellings() {
  return Spellings(*google::protobuf::GetEnumDescriptor<Enum>());
}

template <typename Enum>
std::optional<Enum> FromSpelling(std::string_view text) {
  const auto* value = FindSpelling(*google::protobuf::GetEnumDescriptor<Enum>(), text);
  if (value == nullptr) return std::nullopt;
  return static_cast<Enum>(value->number());
}

}  // namespace maspo
