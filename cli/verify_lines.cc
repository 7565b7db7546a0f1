#include "cli/verify_lines.h"

#include "absl/strings/str_cat.h"
#include "cli/verification_options.h"
#include "services/base/status_macros.h"
#include "services/reward/verdict_name.h"

namespace maspo {

absl::StatusOr<bool> ReadVerifyLine(JsonlReader& reader, VerifyLine& line) {
  nlohmann::json object;
  MASPO_ASSIGN_OR_RETURN(const bool more, reader.Next(object));
  if (!more) return false;
  const std::string where = reader.where();
  MASPO_RETURN_IF_ERROR(RefuseUnknownFields(object, {"id", "gold", "response", "problem", "source", "options"}, where));
  MASPO_RETURN_IF_ERROR(IdField(object, "id", where).status());
  line = VerifyLine();
  line.id = object["id"];
  MASPO_ASSIGN_OR_RETURN(*line.item.mutable_gold_answer(), StringField(object, "gold", where));
  MASPO_ASSIGN_OR_RETURN(*line.item.mutable_response(), StringField(object, "response", where));
  if (object.contains("problem")) {
    MASPO_ASSIGN_OR_RETURN(*line.item.mutable_problem(), StringField(object, "problem", where));
  }
  if (object.contains("source")) {
    MASPO_ASSIGN_OR_RETURN(*line.item.mutable_source(), StringField(object, "source", where));
  }
  line.has_options = object.contains("options");
  if (line.has_options) {
    MASPO_ASSIGN_OR_RETURN(line.options, VerificationOptionsFrom(object["options"], where));
  }
  return true;
}

absl::StatusOr<int64_t> CheckVerifyInput(const std::string& path, bool may_have_options) {
  MASPO_ASSIGN_OR_RETURN(JsonlReader reader, JsonlReader::Open(path));
  VerifyLine line;
  for (int64_t count = 0;; ++count) {
    MASPO_ASSIGN_OR_RETURN(const bool more, ReadVerifyLine(reader, line));
    if (!more) return count;
    if (line.has_options && !may_have_options) {
      return absl::InvalidArgumentError(
          absl::StrCat(reader.where(),
                       ": reward servers verify by their own options; remove the field \"options\", or verify here, "
                       "without --reward-servers"));
    }
  }
}

std::string VerifyResultLine(const nlohmann::json& id, const v1::VerifiedAnswer& answer) {
  return nlohmann::ordered_json{{"id", id},
                                {"verdict", VerdictName(answer.verdict())},
                                {"equal", answer.verdict() == v1::VERDICT_CORRECT},
                                {"reward", answer.reward()},
                                {"answer", answer.answer()},
                                {"gold_answer", answer.gold_answer()},
                                {"decided_by", answer.decided_by()},
                                {"micros", answer.micros()}}
      .dump();
}

}  // namespace maspo
