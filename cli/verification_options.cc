#include "cli/verification_options.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/jsonl.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

absl::Status Wrong(const std::string& where, std::string_view field, std::string_view must_be) {
  return absl::InvalidArgumentError(
      absl::StrCat(where, ": options.", std::string(field), " must be ", std::string(must_be)));
}

absl::Status ReadBool(const nlohmann::json& object, const char* field, const std::string& where, bool& value) {
  if (!object.contains(field)) return absl::OkStatus();
  if (!object[field].is_boolean()) return Wrong(where, field, "true or false");
  value = object[field].get<bool>();
  return absl::OkStatus();
}

absl::Status ReadInt(const nlohmann::json& object, const char* field, const std::string& where, int& value) {
  if (!object.contains(field)) return absl::OkStatus();
  if (!object[field].is_number_integer()) return Wrong(where, field, "an integer");
  value = object[field].get<int>();
  return absl::OkStatus();
}

absl::Status ReadStrings(const nlohmann::json& object, const char* field, const std::string& where,
                         std::vector<std::string>& value) {
  if (!object.contains(field)) return absl::OkStatus();
  const nlohmann::json& list = object[field];
  const auto is_string = [](const nlohmann::json& member) { return member.is_string(); };
  if (!list.is_array() || !std::all_of(list.begin(), list.end(), is_string))
    return Wrong(where, field, "a list of strings");
  value = list.get<std::vector<std::string>>();
  return absl::OkStatus();
}

absl::Status SetTargets(const std::vector<std::string>& targets, const std::vector<std::string>& choices,
                        const std::string& where, ExtractionOptions& extraction) {
  extraction.latex = extraction.plain = false;
  extraction.choices.clear();
  for (const std::string& target : targets) {
    if (target == "latex") {
      extraction.latex = true;
    } else if (target == "expr") {
      extraction.plain = true;
    } else if (target == "string") {
      extraction.choices = choices;
    } else {
      return Wrong(where, "targets", "of \"latex\", \"expr\" and \"string\"");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<VerificationOptions> VerificationOptionsFrom(const nlohmann::json& object, const std::string& where) {
  if (!object.is_object())
    return absl::InvalidArgumentError(absl::StrCat(where, ": field \"options\" must be an object"));
  MASPO_RETURN_IF_ERROR(RefuseUnknownFields(object,
                                            {"targets", "gold_targets", "boxed_priority", "decimal_places", "strict",
                                             "relations_as_sets", "repair_malformed", "strings", "lowercase", "rules"},
                                            where));
  VerificationOptions options;
  if (object.contains("rules")) {
    const absl::StatusOr<RuleSet> rules =
        RuleSetFrom(object["rules"].is_string() ? object["rules"].get<std::string>() : "");
    if (!rules.ok()) return Wrong(where, "rules", "\"default\" or \"prime_math\"");
    options.rules = *rules;
  }
  std::vector<std::string> targets = {"latex", "expr"}, choices = {"A", "B", "C", "D"};
  MASPO_RETURN_IF_ERROR(ReadStrings(object, "targets", where, targets));
  std::vector<std::string> gold_targets = targets;
  MASPO_RETURN_IF_ERROR(ReadStrings(object, "gold_targets", where, gold_targets));
  MASPO_RETURN_IF_ERROR(ReadStrings(object, "strings", where, choices));
  ReadingOptions& reading = options.response;
  MASPO_RETURN_IF_ERROR(ReadBool(object, "lowercase", where, reading.extraction.lowercase_choices));
  MASPO_RETURN_IF_ERROR(ReadBool(object, "repair_malformed", where, reading.repair_malformed));
  MASPO_RETURN_IF_ERROR(ReadInt(object, "boxed_priority", where, reading.extraction.boxed_priority));
  const int priority = reading.extraction.boxed_priority;
  if (priority != -1 && priority != 0 && priority != 50 && priority != 100) {
    return Wrong(where, "boxed_priority", "0, 50, 100 or -1");
  }
  options.gold = reading;
  MASPO_RETURN_IF_ERROR(SetTargets(targets, choices, where, options.response.extraction));
  MASPO_RETURN_IF_ERROR(SetTargets(gold_targets, choices, where, options.gold.extraction));
  MASPO_RETURN_IF_ERROR(ReadInt(object, "decimal_places", where, options.comparison.decimal_places));
  if (options.comparison.decimal_places < 0 || options.comparison.decimal_places > 100) {
    return Wrong(where, "decimal_places", "0 to 100");
  }
  MASPO_RETURN_IF_ERROR(ReadBool(object, "strict", where, options.comparison.strict));
  MASPO_RETURN_IF_ERROR(ReadBool(object, "relations_as_sets", where, options.comparison.relations_as_sets));
  return options;
}

}  // namespace maspo
