#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/base/jsonl.h"
#include "tests/reward_server/verification/verify_support.h"

// Chains of thought of about 8192 tokens, judged as Math-Verify judges them: make_goldens.py has made goldens.jsonl.
namespace maspo {
namespace {

struct LongResponse {
  std::string name, gold, text, answer;
  bool equal = false, differs = false;
};

std::vector<LongResponse> LongResponses() {
  const std::string folder = std::string(std::getenv("MASPO_SOURCE_DIR")) + "/tests/reward_server/long_responses";
  auto reader = JsonlReader::Open(folder + "/goldens.jsonl");
  MASPO_CHECK(reader.ok());
  std::vector<LongResponse> responses;
  for (nlohmann::json row; *reader->Next(row);) {
    LongResponse& response = responses.emplace_back();
    response.name = row["name"];
    response.gold = row["gold"];
    response.answer = row["answer"];
    response.equal = row["equal"];
    response.differs = row.contains("differs");
    for (const nlohmann::json& part : row["parts"]) {
      for (int i = part[1]; i > 0; --i) response.text += part[0].get<std::string>();
    }
  }
  return responses;
}

v1::VerifyItem ItemOf(const LongResponse& response) { return MakeItem("$" + response.gold + "$", response.text); }

TEST(LongResponsesTest, AreAsLongAsAModelWritesThem) {
  const std::vector<LongResponse> responses = LongResponses();
  EXPECT_GT(responses.size(), 40u);
  for (const LongResponse& response : responses) EXPECT_GT(response.text.size(), 29000u) << response.name;
}

TEST(LongResponsesTest, AreJudgedAsTheReferenceDoes) {
  for (const LongResponse& response : LongResponses()) {
    const v1::VerifiedAnswer answer = MakeVerifier({.answer_deadline = UsualDeadline()})->Verify(ItemOf(response));
    EXPECT_NE(answer.verdict(), v1::VERDICT_TIMEOUT) << response.name;
    EXPECT_EQ(answer.verdict() == v1::VERDICT_CORRECT, response.equal != response.differs) << response.name;
  }
}

TEST(LongResponsesTest, HaveTheAnswerThatTheReferenceFinds) {
  for (const LongResponse& response : LongResponses()) {
    // The reference writes a list as "1 and 2", and nothing where it cannot read what it found.
    if (response.answer.empty() || response.answer == "1 and 2") continue;
    EXPECT_EQ(VerifyCalmly(response.gold, response.text).answer(), response.answer) << response.name;
  }
}

TEST(LongResponsesTest, CutOffByLengthHaveNoAnswerUnlessConfigured) {
  const auto strict = MakeVerifier(), lenient = MakeVerifier({.truncated_is_no_answer = false});
  for (const LongResponse& response : LongResponses()) {
    v1::VerifyItem item = ItemOf(response);
    const v1::Verdict finished = lenient->Verify(item).verdict();
    item.set_finish_reason(v1::FINISH_REASON_LENGTH);
    EXPECT_EQ(strict->Verify(item).verdict(), v1::VERDICT_NO_ANSWER) << response.name;
    EXPECT_EQ(lenient->Verify(item).verdict(), finished) << response.name;
  }
}

}  // namespace
}  // namespace maspo
