#include <gtest/gtest.h>

#include <random>
#include <string>

#include "reward_server/limits.h"
#include "services/base/steady_clock.h"
#include "tests/reward_server/verification/hostile_responses.h"
#include "tests/reward_server/verification/verify_support.h"

// Whatever a model writes gets a verdict soon. The time asserted is generous for a busy machine; the CPU time that the
// verifier allows itself is 20 ms.
namespace maspo {
namespace {

class HostileResponseTest : public testing::TestWithParam<Hostile> {};

TEST_P(HostileResponseTest, GetsAVerdictSoon) {
  const auto verifier = MakeVerifier();
  for (const std::string gold : {"1", "\\{1,2,3\\}"}) {
    const v1::VerifyItem item = MakeItem(gold, GetParam().response);
    const absl::Time start = SteadyNow();
    const v1::VerifiedAnswer answer = verifier->Verify(item);
    EXPECT_LT(SteadyNow() - start, 25 * UsualDeadline());
    EXPECT_NE(answer.verdict(), v1::VERDICT_UNSPECIFIED);
    EXPECT_NE(answer.verdict(), v1::VERDICT_CRASHED);
    EXPECT_LE(answer.answer().size(), 1024u);
  }
}

// A TIMEOUT would be retried, or drop the sample: a policy must not be able to earn it.
TEST_P(HostileResponseTest, IsJudgedInTimeAtTheLengthThatAModelCanWrite) {
  constexpr size_t kTokens = 8192, kBytesPerToken = 4;
  const std::string response = GetParam().response.substr(0, kTokens * kBytesPerToken);
  const v1::VerifiedAnswer answer = MakeVerifier({.answer_deadline = UsualDeadline()})->Verify(MakeItem("1", response));
  EXPECT_NE(answer.verdict(), v1::VERDICT_TIMEOUT) << answer.micros() << " us";
}

INSTANTIATE_TEST_SUITE_P(All, HostileResponseTest, testing::ValuesIn(HostileResponses()),
                         [](const auto& info) { return info.param.name; });

TEST(HostileInputTest, LargestSetsAreComparedInTime) {
  std::string up = "0", down = "0";
  for (int i = 1; i < limits::kItems; ++i) {
    up += ", " + std::to_string(i) + "/7";
    down.insert(0, std::to_string(i) + "/7, ");
  }
  const v1::VerifiedAnswer answer = MakeVerifier({.answer_deadline = UsualDeadline()})
                                        ->Verify(MakeItem("\\{" + up + "\\}", Boxed("\\{" + down + "\\}")));
  EXPECT_EQ(answer.verdict(), v1::VERDICT_CORRECT);
}

TEST(HostileInputTest, RandomTextsGetAVerdict) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const std::string gold = RandomText(random, 60), response = RandomText(random, 60);
    const v1::VerifiedAnswer answer = VerifyCalmly(gold, response);
    ASSERT_NE(answer.verdict(), v1::VERDICT_UNSPECIFIED) << gold << " | " << response;
    ASSERT_NE(answer.verdict(), v1::VERDICT_CRASHED) << gold << " | " << response;
    ASSERT_NE(answer.verdict(), v1::VERDICT_TIMEOUT) << gold << " | " << response;
  }
}

}  // namespace
}  // namespace maspo
