#include "reward_server/external/http_scorer_json.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/reward/verdict_name.h"

namespace maspo {
namespace {

template <typename... Parts>
absl::Status Unfit(const Parts&... parts) {
  return absl::InternalError(absl::StrCat("its answer does not fit: ", parts...));
}

// Only judgements: what cannot be judged is said by a status of HTTP.
std::optional<v1::Verdict> VerdictNamed(const std::string& name) {
  for (const v1::Verdict verdict :
       {v1::VERDICT_CORRECT, v1::VERDICT_WRONG, v1::VERDICT_NO_ANSWER, v1::VERDICT_UNPARSABLE}) {
    if (VerdictName(verdict) == name) return verdict;
  }
  return std::nullopt;
}

absl::StatusOr<v1::VerifiedAnswer> ReadAnswer(const nlohmann::json& object, const v1::VerifyItem& item,
                                              const VerdictRewards& rewards) {
  const std::string where = absl::StrCat("the answer to item \"", item.id(), "\" ");
  if (!object.is_object()) return Unfit(where, "is not an object");
  if (object.contains("id") && object["id"] != item.id()) return Unfit(where, "has the id ", object["id"].dump());
  if (!object.contains("verdict") && !object.contains("reward")) return Unfit(where, "has neither verdict nor reward");
  v1::VerifiedAnswer answer;
  answer.set_id(item.id());
  answer.set_decided_by("external");
  std::optional<v1::Verdict> verdict;
  if (object.contains("verdict")) {
    if (object["verdict"].is_string()) verdict = VerdictNamed(object["verdict"].get<std::string>());
    if (!verdict) return Unfit(where, "has a verdict other than correct, wrong, no_answer and unparsable");
  }
  double reward = verdict == v1::VERDICT_CORRECT ? rewards.correct : rewards.incorrect;
  if (object.contains("reward")) {
    if (!object["reward"].is_number()) return Unfit(where, "has a reward that is not a number");
    reward = object["reward"].get<double>();
    if (!std::isfinite(static_cast<float>(reward))) return Unfit(where, "has a reward that is not finite");
  }
  if (!verdict) {
    verdict = reward > (rewards.correct + rewards.incorrect) / 2 ? v1::VERDICT_CORRECT : v1::VERDICT_WRONG;
  }
  answer.set_verdict(*verdict);
  answer.set_reward(static_cast<float>(reward));
  if (object.contains("answer")) {
    if (!object["answer"].is_string()) return Unfit(where, "has an answer that is not a string");
    answer.set_answer(object["answer"].get<std::string>());
  }
  return answer;
}

}  // namespace

std::string HttpScorerRequest(const std::vector<v1::VerifyItem>& items) {
  nlohmann::json list = nlohmann::json::array();
  for (const v1::VerifyItem& item : items) {
    const bool is_cut = item.finish_reason() == v1::FINISH_REASON_LENGTH;
    list.push_back({{"id", item.id()},
                    {"source", item.source()},
                    {"problem", item.problem()},
                    {"gold_answer", item.gold_answer()},
                    {"response", item.response()},
                    {"response_tokens", item.response_tokens()},
                    {"finish_reason", is_cut ? "length" : "stop"}});
  }
  return nlohmann::json{{"items", std::move(list)}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

absl::StatusOr<std::vector<v1::VerifiedAnswer>> ReadHttpScorerAnswers(const std::string& json,
                                                                      const std::vector<v1::VerifyItem>& items,
                                                                      const VerdictRewards& rewards) {
  const nlohmann::json parsed = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object() || !parsed.contains("answers") || !parsed["answers"].is_array()) {
    return Unfit("it is not JSON of the form {\"answers\": [...]}");
  }
  const nlohmann::json& list = parsed["answers"];
  if (list.size() != items.size()) return Unfit(list.size(), " answers to ", items.size(), " items");
  std::vector<v1::VerifiedAnswer> answers;
  for (size_t i = 0; i < items.size(); ++i) {
    MASPO_ASSIGN_OR_RETURN(v1::VerifiedAnswer answer, ReadAnswer(list[i], items[i], rewards));
    answers.push_back(std::move(answer));
  }
  return answers;
}

}  // namespace maspo
