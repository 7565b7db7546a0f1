#include "reward_server/extraction/byte_set.h"

#include <gtest/gtest.h>

namespace maspo {
namespace {

TEST(ByteSetTest, AgreesWithFindFirstOfAndFindLastOf) {
  constexpr std::string_view kMembers = "a\xff";
  constexpr ByteSet set(kMembers);
  const std::string_view text(
      "bab\0\xff"
      "bb",
      7);
  for (size_t i = 0; i <= text.size(); ++i) {
    EXPECT_EQ(set.FindFirst(text, i), text.find_first_of(kMembers, i)) << i;
    EXPECT_EQ(set.FindLast(text, i), i == 0 ? std::string_view::npos : text.find_last_of(kMembers, i - 1)) << i;
  }
}

}  // namespace
}  // namespace maspo
