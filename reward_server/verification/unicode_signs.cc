#include "reward_server/verification/unicode_signs.h"

#include <array>

namespace maspo {
namespace {

using Kind = Token::Kind;

constexpr auto kSigns = std::to_array<UnicodeSign>({
    {"\u2212", Kind::kMinus, "-"},  // minus sign
    {"\u2013", Kind::kMinus, "-"},  // en dash
    {"\u00d7", Kind::kTimes, "*"},  // multiplication sign
    {"\u00b7", Kind::kTimes, "*"},  // middle dot
    {"\u22c5", Kind::kTimes, "*"},  // dot operator
    {"\u00f7", Kind::kDivide, "/"},
    {"\u00b0", Kind::kDegree, "^\\circ"},
    {"\u03c0", Kind::kLetters, "\\pi"},
    {"\u221e", Kind::kLetters, "\\infty"},
    {"\u20ac", Kind::kOther, ""},  // euro
    {"\u00a3", Kind::kOther, ""},  // pound
    {"\u00a0", Kind::kOther, ""},  // no-break space
    {"\u202f", Kind::kOther, ""},  // narrow no-break space
    {"\u2009", Kind::kOther, ""},  // thin space
});

}  // namespace

const UnicodeSign* FindUnicodeSign(std::string_view rest) {
  if (rest.empty() || static_cast<unsigned char>(rest[0]) < 0x80) return nullptr;
  for (const UnicodeSign& sign : kSigns) {
    if (rest.starts_with(sign.bytes)) return &sign;
  }
  return nullptr;
}

bool IsUnicodeOperator(std::string_view rest) {
  return rest.size() >= 3 && rest[0] == '\xe2' && static_cast<unsigned char>(rest[1]) < 0xb0;
}

}  // namespace maspo
