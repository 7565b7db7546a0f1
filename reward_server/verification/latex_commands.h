#pragma once

#include <string_view>

#include "reward_server/verification/latex_lexer.h"

namespace maspo {

// What a LaTeX command means to the lexer.
struct LatexCommand {
  std::string_view name;  // Without the backslash.
  Token::Kind kind;       // kEnd: the command is ignored.
  std::string_view text;  // Of the token.
};

// The command whose name is the longest one that begins `letters`: \quadx is \quad and x. Null: there is none.
const LatexCommand* FindCommand(std::string_view letters);

// \operatorname{name}, and functions written without a backslash in it. Null: unknown.
const LatexCommand* FindExactCommand(std::string_view name);

}  // namespace maspo
