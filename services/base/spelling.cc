#include "services/base/spelling.h"

#include "proto/run_config.pb.h"

namespace maspo {

std::string Spelling(const google::protobuf::EnumValueDescriptor& value) {
  return value.options().GetExtension(v1::spelling);
}

std::vector<std::string> Spellings(const google::protobuf::EnumDescriptor& type) {
  std::vector<std::string> spellings;
  for (int i = 0; i < type.value_count(); ++i) spellings.push_back(Spelling(*type.value(i)));
  return spellings;
}

const google::protobuf::EnumValueDescriptor* FindSpelling(const google::protobuf::EnumDescriptor& type,
                                                          std::string_view text) {
  for (int i = 0; i < type.value_count(); ++i) {
    if (Spelling(*type.value(i)) == text) return type.value(i);
  }
  return nullptr;
}

}  // namespace maspo
