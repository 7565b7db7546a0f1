#include "reward_server/extraction/byte_set.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "absl/strings/ascii.h"

namespace maspo {
namespace {

// Texts around the size of a block, so that members stand in blocks, across their ends and behind the last one.
std::string RandomText(std::mt19937_64& random) {
  std::string text(random() % 70, '\0');
  for (char& c : text) c = random() % 4 == 0 ? "aAbB"[random() % 4] : static_cast<char>(random() % 256);
  return text;
}

template <size_t kNumMembers>
void ExpectAgreement(const ByteSet<kNumMembers>& set, std::string_view members, std::string_view text) {
  for (size_t i = 0; i <= text.size(); ++i) {
    ASSERT_EQ(set.FindFirst(text, i), text.find_first_of(members, i)) << i;
    ASSERT_EQ(set.FindLast(text, i), i == 0 ? std::string_view::npos : text.find_last_of(members, i - 1)) << i;
  }
}

TEST(ByteSetTest, AgreesWithFindFirstOfAndFindLastOf) {
  static constexpr ByteSet kOne("a");
  static constexpr ByteSet kTwo("a\xff");
  static constexpr ByteSet kFour("abcd");
  static constexpr ByteSet kFive("abcde");
  std::mt19937_64 random(1);
  for (int i = 0; i < 500; ++i) {
    const std::string text = RandomText(random);
    ExpectAgreement(kOne, "a", text);
    ExpectAgreement(kTwo, "a\xff", text);
    ExpectAgreement(kFour, "abcd", text);
    ExpectAgreement(kFive, "abcde", text);
  }
}

TEST(LetterPairTest, FindsTheLastPairInAnyCase) {
  static constexpr LetterPair kPair('a', 'b');
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    const std::string text = RandomText(random), lower = absl::AsciiStrToLower(text);
    for (size_t end = 0; end <= text.size(); ++end) {
      ASSERT_EQ(kPair.FindLast(text, end), lower.substr(0, end).rfind("ab")) << end;
    }
  }
}

}  // namespace
}  // namespace maspo
