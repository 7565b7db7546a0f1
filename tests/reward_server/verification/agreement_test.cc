#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "services/base/jsonl.h"
#include "tests/reward_server/verification/verify_support.h"
#include "tests/support/shared_data.h"

// Agreement with labels that were not made by this verifier.
namespace maspo {
namespace {

struct Agreement {
  int agreed = 0;
  int total = 0;
  int wrongly_correct = 0;  // The error that a policy learns to exploit.
};

// Verifies every row of {gold, equal} and `response_field`; the result by feature, and all together under "".
std::map<std::string, Agreement> AgreementOn(const std::string& path, const char* response_field) {
  std::map<std::string, Agreement> agreement;
  auto reader = JsonlReader::Open(path);
  MASPO_CHECK(reader.ok());
  nlohmann::json row;
  while (true) {
    const absl::StatusOr<bool> more = reader->Next(row);
    MASPO_CHECK(more.ok());
    if (!*more) return agreement;
    const v1::VerifiedAnswer answer = VerifyCalmly(row["gold"], row[response_field]);
    const bool is_correct = answer.verdict() == v1::VERDICT_CORRECT;
    for (const std::string& key : {std::string(), row.value("feature", std::string("all"))}) {
      ++agreement[key].total;
      agreement[key].agreed += is_correct == row["equal"].get<bool>();
      agreement[key].wrongly_correct += is_correct && !row["equal"].get<bool>();
    }
  }
}

TEST(AgreementTest, EveryRecordedGsm8kResponseAgrees) {
  const std::optional<std::string> path = SharedFile("data/gsm8k_responses.jsonl");
  if (!path) GTEST_SKIP() << "set MASPO_SHARED_DIR to the folder with data/gsm8k_responses.jsonl";
  const Agreement all = AgreementOn(*path, "response")[""];
  EXPECT_GT(all.total, 2000);
  EXPECT_EQ(all.agreed, all.total);
}

TEST(AgreementTest, EveryDevelopmentPairAgrees) {
  const std::optional<std::string> path = SharedFile("data/answer_pairs_dev.jsonl");
  if (!path) GTEST_SKIP() << "set MASPO_SHARED_DIR to the folder with data/answer_pairs_dev.jsonl";
  std::map<std::string, Agreement> agreement = AgreementOn(*path, "pred");
  for (const auto& [feature, a] : agreement) EXPECT_EQ(a.agreed, a.total) << feature;
  EXPECT_GT(agreement[""].total, 500);
  EXPECT_EQ(agreement[""].wrongly_correct, 0);
}

// Gold answers that are no mathematics: they equal their own spelling only.
const std::set<std::string>& TextOnPurpose() {
  static const auto* const texts = new std::set<std::string>{"np.arcsin(10/13)", "\\text{(E)},"};
  return *texts;
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// Spellings that do not change what an answer in LaTeX means.
std::vector<std::string> HarmlessRewritings(const std::string& gold) {
  std::vector<std::string> rewritings = {gold, " \\displaystyle " + gold + " \\,", Replaced(gold, "\\frac", "\\dfrac"),
                                         Replaced(gold, "+", " + ")};
  // Between digits a comma may group thousands, and a space would make a list of it.
  static const auto* const grouped = new std::regex("[0-9],(\\\\!)?\\s*[0-9]");
  if (!std::regex_search(gold, *grouped)) rewritings.push_back(Replaced(gold, ",", ", "));
  const bool has_sizes = gold.find("\\left") != std::string::npos || gold.find("\\right") != std::string::npos;
  if (!has_sizes) rewritings.push_back(Replaced(Replaced(gold, "(", "\\left("), ")", "\\right)"));
  const bool is_number = gold.find_first_not_of("-0123456789.") == std::string::npos;
  if (is_number) rewritings.push_back(gold + "\\text{ cm}");
  if (is_number) rewritings.push_back("x = " + gold);
  return rewritings;
}

class BenchmarkGoldTest : public testing::TestWithParam<const char*> {};

// Calls visit(gold) for every gold answer of the benchmark; how many there are, or nothing without the data.
template <typename Visit>
std::optional<int> ForEachGold(const std::string& benchmark, Visit visit) {
  const std::optional<std::string> path = SharedFile("data/benchmarks/" + benchmark + ".jsonl");
  if (!path) return std::nullopt;
  auto reader = JsonlReader::Open(*path);
  MASPO_CHECK(reader.ok());
  nlohmann::json row;
  int count = 0;
  for (; *reader->Next(row); ++count) visit(row["answer"].get<std::string>());
  return count;
}

bool HasDelimiters(const std::string& gold) { return gold.starts_with("$"); }

TEST_P(BenchmarkGoldTest, EveryGoldAnswerIsReadAndEqualsItself) {
  const std::optional<int> count = ForEachGold(GetParam(), [](const std::string& gold) {
    const v1::VerifiedAnswer answer = VerifyCalmly(gold, HasDelimiters(gold) ? gold : Boxed(gold));
    EXPECT_EQ(answer.verdict(), v1::VERDICT_CORRECT) << gold << "\n" << answer.DebugString();
    EXPECT_EQ(answer.decided_by() == "same text", TextOnPurpose().contains(gold)) << gold;
  });
  if (!count) GTEST_SKIP() << "set MASPO_SHARED_DIR to the folder with data/benchmarks";
  EXPECT_GT(*count, 0);
}

TEST_P(BenchmarkGoldTest, EveryGoldAnswerEqualsItsHarmlessRewritings) {
  const std::optional<int> count = ForEachGold(GetParam(), [](const std::string& gold) {
    if (HasDelimiters(gold) || TextOnPurpose().contains(gold)) return;
    for (const std::string& rewritten : HarmlessRewritings(gold)) {
      const v1::VerifiedAnswer answer = VerifyCalmly(gold, "Hence the answer is $" + Boxed(rewritten) + "$.");
      EXPECT_EQ(answer.verdict(), v1::VERDICT_CORRECT) << gold << " | " << rewritten << "\n" << answer.DebugString();
    }
  });
  if (!count) GTEST_SKIP() << "set MASPO_SHARED_DIR to the folder with data/benchmarks";
  EXPECT_GT(*count, 0);
}

INSTANTIATE_TEST_SUITE_P(All, BenchmarkGoldTest,
                         testing::Values("aime24", "amc23", "gsm8k_test", "math500", "math_train", "minerva",
                                         "olympiadbench"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace maspo
