#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace maspo {

// A set of bytes to look for: what string_view::find_first_of does, at one table look-up a byte.
class ByteSet {
 public:
  constexpr explicit ByteSet(std::string_view members) {
    for (const char c : members) contains_[static_cast<unsigned char>(c)] = true;
  }

  // npos: none at or after `from`.
  size_t FindFirst(std::string_view text, size_t from) const {
    while (from < text.size() && !Contains(text[from])) ++from;
    return from < text.size() ? from : std::string_view::npos;
  }

  // npos: none before `end`.
  size_t FindLast(std::string_view text, size_t end) const {
    while (end > 0 && !Contains(text[end - 1])) --end;
    return end > 0 ? end - 1 : std::string_view::npos;
  }

  constexpr bool Contains(char c) const { return contains_[static_cast<unsigned char>(c)]; }

 private:
  std::array<bool, 256> contains_{};
};

}  // namespace maspo
