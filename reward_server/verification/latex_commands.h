#pragma once

#include <string_view>

namespace maspo {

// What a LaTeX command means to the lexer.
enum class CommandRole {
  kIgnored,   // Spacing, sizing, style: \left, \displaystyle, \quad, \boxed, \mathbf.
  kProse,     // Its argument is text: \text, \mathrm, \mbox.
  kSymbol,    // A letter by name: \theta, \infty.
  kFraction,  // \frac, \dfrac, \tfrac, \cfrac.
  kTimes,     // \times, \cdot.
  kDivide,    // \div.
  kEmptySet,  // \emptyset, \varnothing.
  kDegree,    // \degree.
  kOpenSet,   // \lbrace.
  kCloseSet,  // \rbrace.
  kUnknown,   // Everything else.
};

// `name` without the backslash.
CommandRole RoleOf(std::string_view name);

// A bare word that names a unit when it follows a number: "cm", "hours", "dollars". Single letters are variables.
bool IsUnitWord(std::string_view lower_case_word);

}  // namespace maspo
