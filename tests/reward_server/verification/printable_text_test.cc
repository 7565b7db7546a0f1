#include "reward_server/verification/printable_text.h"

#include <gtest/gtest.h>

#include <string>

namespace maspo {
namespace {

TEST(PrintableTextTest, KeepsValidUtf8) {
  EXPECT_EQ(PrintableText(" \u221a5 = \U0001d465 \n"), "\u221a5 = \U0001d465");
}

TEST(PrintableTextTest, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(PrintableText("a\xff"
                          "b"),
            "a\ufffdb");
  EXPECT_EQ(PrintableText("\xc0\xaf"), "\ufffd\ufffd");                 // Overlong.
  EXPECT_EQ(PrintableText("\xed\xa0\x80"), "\ufffd\ufffd\ufffd");       // A surrogate.
  EXPECT_EQ(PrintableText("\xf4\x90\x80\x80").substr(0, 3), "\ufffd");  // Beyond Unicode.
  EXPECT_EQ(PrintableText("\xe2\x88"), "\ufffd\ufffd");                 // Cut off.
}

TEST(PrintableTextTest, CutsLongTextBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "\u221a";
  const std::string printable = PrintableText(text);
  EXPECT_LE(printable.size(), 1024u);
  EXPECT_EQ(printable.size() % 3, 0u);  // Whole characters of three bytes, then "...".
  EXPECT_EQ(printable.substr(printable.size() - 3), "...");
}

}  // namespace
}  // namespace maspo
