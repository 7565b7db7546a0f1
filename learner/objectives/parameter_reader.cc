#include "learner/objectives/parameter_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/spelling.h"
#include "services/base/status_macros.h"

namespace maspo {

void ParameterReader::ReadNumber(const char* name, double& value) {
  names_.push_back(name);
  const auto* field = config_.GetDescriptor()->FindFieldByName(name);
  MASPO_CHECK(field != nullptr);
  if (config_.GetReflection()->HasField(config_, field)) value = config_.GetReflection()->GetDouble(config_, field);
}

int ParameterReader::ReadChoice(const char* name, int value) {
  names_.push_back(name);
  const auto* field = config_.GetDescriptor()->FindFieldByName(name);
  MASPO_CHECK(field != nullptr);
  const auto* reflection = config_.GetReflection();
  return reflection->HasField(config_, field) ? reflection->GetEnumValue(config_, field) : value;
}

void ParameterReader::Check(bool holds, const char* name, double value, const std::string& wanted) {
  Require(holds, absl::StrCat("learner.objective.", name, " must be ", wanted, ", not ", value));
}

void ParameterReader::Require(bool holds, const std::string& sentence) {
  if (!holds && first_error_.ok()) first_error_ = absl::InvalidArgumentError(sentence);
}

void ParameterReader::Greater(const char* name, double& value, double bound) {
  ReadNumber(name, value);
  Check(value > bound, name, value, absl::StrCat("greater than ", bound));
}

void ParameterReader::AtLeast(const char* name, double& value, double bound) {
  ReadNumber(name, value);
  Check(value >= bound, name, value, absl::StrCat("at least ", bound));
}

void ParameterReader::ShareOfTokens(const char* name, double& value) {
  AtLeast(name, value, 0);
  Require(!(value > 1), absl::StrCat("learner.objective.", name, " must be at most 1: it is a share of the tokens"));
}

absl::Status ParameterReader::Finish() const {
  std::vector<const google::protobuf::FieldDescriptor*> given;
  config_.GetReflection()->ListFields(config_, &given);
  for (const auto* field : given) {
    if (field->name() == "name" || std::count(names_.begin(), names_.end(), field->name()) > 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("learner.objective.", field->name(), ": objective ", Spelling(config_.name()),
                     " has no such parameter (it has: ", absl::StrJoin(names_, ", "), ")"));
  }
  return first_error_;
}

}  // namespace maspo
