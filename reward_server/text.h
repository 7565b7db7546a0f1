#pragma once

#include <string_view>

#include "absl/strings/ascii.h"

// Small questions about text. Debian builds Abseil with a string_view of its own, which std::string_view does not
// convert to.
namespace maspo {

inline bool Contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }
inline bool Contains(std::string_view text, char c) { return text.find(c) != std::string_view::npos; }

inline bool StartsWithIgnoreCase(std::string_view text, std::string_view lower_case_prefix) {
  if (text.size() < lower_case_prefix.size()) return false;
  for (size_t i = 0; i < lower_case_prefix.size(); ++i) {
    if (absl::ascii_tolower(text[i]) != lower_case_prefix[i]) return false;
  }
  return true;
}

// Without the blanks and line ends at both ends.
inline std::string_view Stripped(std::string_view text) {
  while (!text.empty() && absl::ascii_isspace(text.front())) text.remove_prefix(1);
  while (!text.empty() && absl::ascii_isspace(text.back())) text.remove_suffix(1);
  return text;
}

// Removes `prefix` from the front of `text` if it is there.
inline bool Consume(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace maspo
