#include "reward_server/verification/verdict_cache.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/reward_server/verification/verify_support.h"

namespace maspo {
namespace {

Candidate Of(const std::vector<Candidate::Part>& parts) { return {.parts = parts}; }

v1::VerifiedAnswer Judged(v1::Verdict verdict, const std::string& text) {
  v1::VerifiedAnswer answer;
  answer.set_id("another");
  answer.set_verdict(verdict);
  answer.set_answer(text);
  return answer;
}

TEST(VerdictCacheTest, FindsWhatWasInsertedAndNothingElse) {
  VerdictCache cache(1 << 20);
  v1::VerifiedAnswer answer;
  answer.set_id("this");
  EXPECT_FALSE(cache.Find("a", answer));
  cache.Insert("a", Judged(v1::VERDICT_WRONG, "7"));
  EXPECT_FALSE(cache.Find("b", answer));
  ASSERT_TRUE(cache.Find("a", answer));
  EXPECT_EQ(answer.verdict(), v1::VERDICT_WRONG);
  EXPECT_EQ(answer.answer(), "7");
  EXPECT_EQ(answer.id(), "this");
}

TEST(VerdictCacheTest, TheLeastRecentlyUsedMakesRoom) {
  VerdictCache cache(64 << 10);
  v1::VerifiedAnswer answer;
  cache.Insert("kept", Judged(v1::VERDICT_CORRECT, ""));
  cache.Insert("left alone", Judged(v1::VERDICT_CORRECT, ""));
  for (int i = 0; i < 1000; ++i) {
    cache.Insert("filler " + std::to_string(i), Judged(v1::VERDICT_WRONG, ""));
    EXPECT_TRUE(cache.Find("kept", answer));
    EXPECT_LE(cache.bytes(), 64u << 10);
  }
  EXPECT_FALSE(cache.Find("left alone", answer));
  EXPECT_TRUE(cache.Find("filler 999", answer));
}

TEST(VerdictCacheTest, APairThatIsLargeForTheCacheIsNotKept) {
  VerdictCache cache(64 << 10);
  cache.Insert(std::string(8 << 10, 'x'), Judged(v1::VERDICT_WRONG, ""));
  EXPECT_EQ(cache.bytes(), 0u);
}

TEST(VerdictCacheTest, KeysDifferWherePartsOfThePairDo) {
  const std::string key = VerdictCache::KeyOf("math", "12", Of({{"3", false}, {"4", false}}));
  EXPECT_EQ(key, VerdictCache::KeyOf("math", "12", Of({{"3", false}, {"4", false}})));
  EXPECT_NE(key, VerdictCache::KeyOf("math", "12", Of({{"34", false}})));
  EXPECT_NE(key, VerdictCache::KeyOf("math", "12", Of({{"3", true}, {"4", false}})));
  EXPECT_NE(key, VerdictCache::KeyOf("math", "1", Of({{"23", false}, {"4", false}})));
  EXPECT_NE(key, VerdictCache::KeyOf("mat", "h12", Of({{"3", false}, {"4", false}})));
  Candidate plain = Of({{"3", false}, {"4", false}});
  plain.notation = Candidate::Notation::kPlain;
  EXPECT_NE(key, VerdictCache::KeyOf("math", "12", plain));
}

// What a verifier says of a response, but for the time it took.
std::string Told(v1::VerifiedAnswer answer) {
  answer.clear_micros();
  answer.clear_cache();
  return answer.ShortDebugString();
}

TEST(CachingVerifierTest, SaysTheSameAsOneWithoutCacheTheSecondTimeToo) {
  const auto plain = MakeVerifier({.answer_deadline = absl::Seconds(10)});
  const auto caching = MakeVerifier({.answer_deadline = absl::Seconds(10), .cache_bytes = 1 << 20});
  const char* golds[] = {"7",   "$\\frac{1}{2}$", "1,3", "(1, 3)", "x=5", "50\\%", "\\text{east}", "?", "",
                         "x+1", "$x<3$"};
  const char* responses[] = {"so \\boxed{7}",
                             "\\boxed{0.5}",
                             "\\boxed{1,3} and \\boxed{2}",
                             "\\boxed{?}, so 7",
                             "the answer is 5",
                             "\\boxed{50\\%}",
                             "east",
                             "no idea",
                             "\\boxed{?}",
                             "\\boxed{\\text{east}}",
                             "\\boxed{1+x}",
                             "$(-\\infty,3)$",
                             "7%",
                             "\\boxed{}, or 7",
                             "\\boxed{(1,3)}",
                             "\\boxed{5}"};
  int hits = 0;
  for (int round = 0; round < 2; ++round) {
    for (const char* gold : golds) {
      for (const char* response : responses) {
        const v1::VerifyItem item = MakeItem(gold, response);
        const v1::VerifiedAnswer answer = caching->Verify(item);
        EXPECT_EQ(Told(answer), Told(plain->Verify(item))) << gold << " against " << response;
        hits += answer.cache() == v1::CACHE_LOOKUP_HIT;
      }
    }
  }
  EXPECT_GT(hits, 100);
}

TEST(CachingVerifierTest, AnotherTextWithTheSameAnswerIsAHit) {
  const auto verifier = MakeVerifier({.answer_deadline = absl::Seconds(10), .cache_bytes = 1 << 20});
  EXPECT_EQ(verifier->Verify(MakeItem("7", "first \\boxed{7}")).cache(), v1::CACHE_LOOKUP_MISS);
  EXPECT_EQ(verifier->Verify(MakeItem("7", "otherwise \\boxed{7}")).cache(), v1::CACHE_LOOKUP_HIT);
  EXPECT_EQ(verifier->Verify(MakeItem("8", "\\boxed{7}")).cache(), v1::CACHE_LOOKUP_MISS);
  EXPECT_EQ(verifier->Verify(MakeItem("7", "no idea")).cache(), v1::CACHE_LOOKUP_UNSPECIFIED);
}

TEST(CachingVerifierTest, ATimeoutIsWorkedOnAgain) {
  const auto verifier = MakeVerifier({.answer_deadline = absl::Nanoseconds(1), .cache_bytes = 1 << 20});
  const std::string long_sum = "\\boxed{\\sum_{k=1}^{2000} \\sqrt{k^3+1}}";
  for (int i = 0; i < 2; ++i) {
    const v1::VerifiedAnswer answer = verifier->Verify(MakeItem("$\\sum_{k=1}^{2000} \\sqrt{k^3+2}$", long_sum));
    EXPECT_EQ(answer.verdict(), v1::VERDICT_TIMEOUT);
    EXPECT_NE(answer.cache(), v1::CACHE_LOOKUP_HIT);
  }
}

TEST(CachingVerifierTest, OptionsOfASingleCallAreNotAnsweredFromTheCache) {
  const auto verifier = MakeVerifier({.answer_deadline = absl::Seconds(10), .cache_bytes = 1 << 20});
  const v1::VerifyItem item = MakeItem("$\\frac{1}{3}$", "\\boxed{0.33}");
  EXPECT_EQ(verifier->Verify(item).verdict(), v1::VERDICT_WRONG);
  VerificationOptions two_places;
  two_places.comparison.decimal_places = 2;
  EXPECT_EQ(verifier->Verify(item, two_places).verdict(), v1::VERDICT_CORRECT);
  EXPECT_EQ(verifier->Verify(item).verdict(), v1::VERDICT_WRONG);
}

}  // namespace
}  // namespace maspo
