#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "reward_server/work_budget.h"

namespace maspo {

// One piece of mathematics in a response, or several that are listed: "$2$ and $3$".
//
//   so $x = \frac{1}{2}$ percent, or
//      ^begin                   ^end      contents "x = \frac{1}{2}", is_percent
struct MathSpan {
  struct Part {
    std::string_view content;  // Without delimiters; of the response.
    bool is_percent = false;   // A percent sign or word follows.
  };
  size_t begin = 0;
  size_t end = 0;
  absl::InlinedVector<Part, 1> parts;  // At least one.
};

// Finds mathematics: $$ $$ and \[ \] over any number of lines, $ $ and \( \) within one, and a bare \frac{a}{b} of
// numbers. A dollar after a digit closes an amount of money and opens nothing.
//
// Each look-up remembers where the next closing delimiter is, so a whole response is searched in linear time.
class EnvironmentFinder {
 public:
  enum class Content { kAny, kBoxed };  // kBoxed: only environments with \boxed{...} in them.

  explicit EnvironmentFinder(std::string_view text) : text_(text) {}

  // The environments that begin at `at`, up to six, joined by a comma, "and" or "or".
  std::optional<MathSpan> MatchAt(size_t at, Content content);

  // The first at or after `from` that begins before `end`.
  std::optional<MathSpan> FindFirst(size_t from, size_t end, Content content, WorkBudget& budget);

 private:
  struct Environment {
    std::string_view content;
    size_t end = 0;
  };
  std::optional<Environment> MatchOne(size_t at);
  std::optional<Environment> MatchDelimited(size_t at, std::string_view close, size_t& next_close);
  std::optional<Environment> MatchInlineDollar(size_t at) const;
  std::optional<Environment> MatchBracketed(size_t at) const;
  std::optional<Environment> MatchFraction(size_t at) const;
  bool AppendPart(size_t at, Content content, MathSpan& span);

  const std::string_view text_;
  // Where the last search for a closing delimiter ended: valid for every begin between the two.
  size_t next_double_dollar_ = 0, next_bracket_ = 0, next_parenthesis_ = 0;
};

}  // namespace maspo
