#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace maspo {

// LaTeX as the plain text that a reader would type for it, without a word about structure: "\frac{x+1}{2}" is
// "x+1/2", "\sqrt{2}" is "√(2)", braces and commands without a meaning vanish. Part of the rule set prime_math, whose
// comparisons see nothing else of a formula.
//
// Nothing: nested too deeply.
std::optional<std::string> LatexToText(std::string_view latex);

}  // namespace maspo
