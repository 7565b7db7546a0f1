#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace maspo {

// One of the allowed answers of a multiple-choice question, as it stands in a text.
struct ChoiceSpan {
  size_t begin = 0;
  size_t end = 0;
  std::string_view content;
};

// The choice that begins at `at`, the first in the caller's order.
std::optional<ChoiceSpan> MatchChoice(std::string_view text, size_t at, const std::vector<std::string>& choices);

// The same as a word of its own: between blanks, optionally in two stars, before a point, comma, colon, blank or the
// end. `at` is the blank before it, or the start of the text.
std::optional<ChoiceSpan> MatchChoiceWord(std::string_view text, size_t at, const std::vector<std::string>& choices);

}  // namespace maspo
