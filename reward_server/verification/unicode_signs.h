#pragma once

#include <string_view>

#include "reward_server/verification/latex_lexer.h"

namespace maspo {

// A sign outside ASCII that means the same as an ASCII one or a command.
struct UnicodeSign {
  std::string_view bytes;
  Token::Kind kind;
  std::string_view text;  // Of the token; empty: the sign is dropped.
};

// The sign at the front of `rest`, or nullptr.
const UnicodeSign* FindUnicodeSign(std::string_view rest);

// U+2000 to U+2BFF at the front of `rest`: punctuation, arrows, mathematical operators; three bytes long, no letter.
bool IsUnicodeOperator(std::string_view rest);

}  // namespace maspo
