#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace maspo {

// A number or arithmetic in prose.
//
//   costs $1,250.50 or 1/2 of it
//        ^begin    ^end               content "1,250.50"
struct PlainSpan {
  size_t begin = 0;  // Of the blank or equals sign before it.
  size_t end = 0;
  std::string_view content;
  bool is_percent = false;
};

// Arithmetic that begins at `at` with a blank, an equals sign or the start of the text: digits with at least one of
// + - * / ^ ( ), as far as a point, comma, colon, blank, parenthesis, dollar or the end follows.
std::optional<PlainSpan> MatchArithmetic(std::string_view text, size_t at);

// A number that begins there: an optional currency sign, groups of three digits, a point or comma before decimals, a
// percent sign or word. A number inside a word is none, but letters may follow it: 100m2. A \pi belongs to it.
std::optional<PlainSpan> MatchNumber(std::string_view text, size_t at);

// Either, arithmetic first.
std::optional<PlainSpan> MatchPlain(std::string_view text, size_t at);

// Whether MatchPlain() may succeed at a position with this byte.
bool MayBeginPlain(std::string_view text, size_t at);

}  // namespace maspo
