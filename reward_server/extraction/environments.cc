#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "reward_server/extraction/byte_set.h"
#include "reward_server/extraction/math_span.h"

namespace maspo {
namespace {

// Walks over the text once, remembering where each kind of environment was opened last.
class EnvironmentFinder {
 public:
  explicit EnvironmentFinder(std::string_view text) : text_(text) {}

  std::vector<MathSpan> Run(WorkBudget& budget) {
    static constexpr ByteSet kMarks("$\\\n");
    for (size_t i = kMarks.FindFirst(text_, 0); i != std::string_view::npos && budget.Spend();) {
      i = kMarks.FindFirst(text_, i + Visit(i));
    }
    return std::move(spans_);
  }

 private:
  // Handles the mark at `i` and returns its length.
  size_t Visit(size_t i) {
    const char next = i + 1 < text_.size() ? text_[i + 1] : '\0';
    switch (text_[i]) {
      case '\n':
        dollar_.reset();
        parenthesis_.reset();
        return 1;
      case '$':
        if (next == '$') {
          Toggle(double_dollar_, i, 2);
          return 2;
        }
        VisitDollar(i, next);
        return 1;
      default:
        return VisitBackslash(i, next);
    }
  }

  // Amounts of money are no environments: in "$5 and $7", or "$5, so $x = 7$", the second dollar opens and closes none.
  void VisitDollar(size_t i, char next) {
    const bool before_digit = absl::ascii_isdigit(next);
    const bool after_amount = dollar_ && absl::ascii_isdigit(text_[*dollar_ + 1]) && text_[i - 1] == ' ';
    if (before_digit || after_amount) dollar_.reset();
    Toggle(dollar_, i, 1);
  }

  size_t VisitBackslash(size_t i, char next) {
    const bool is_doubled = i > 0 && text_[i - 1] == '\\';
    switch (next) {
      case '(':
        parenthesis_ = i;
        return 2;
      case '[':
        if (!is_doubled || !bracket_) bracket_ = i;  // \\[2pt] inside of a display is a line break.
        return 2;
      case ')':
        Close(parenthesis_, i, 2);
        return 2;
      case ']':
        Close(bracket_, i, 2);
        return 2;
      case '$':
        return 2;
      default:
        return 1;
    }
  }

  void Toggle(std::optional<size_t>& opened, size_t i, size_t length) {
    if (opened) {
      Close(opened, i, length);
    } else {
      opened = i;
    }
  }

  void Close(std::optional<size_t>& opened, size_t i, size_t length) {
    if (!opened) return;
    const size_t begin = *opened;
    // What began inside belongs to this one.
    for (std::optional<size_t>* open : {&dollar_, &double_dollar_, &parenthesis_, &bracket_}) {
      if (*open && **open >= begin) open->reset();
    }
    while (!spans_.empty() && spans_.back().begin > begin) spans_.pop_back();
    spans_.push_back({.begin = begin,
                      .end = i + length,
                      .content = text_.substr(begin + length, i - begin - length),
                      .notation = Notation::kLatex});
  }

  const std::string_view text_;
  std::optional<size_t> dollar_, double_dollar_, parenthesis_, bracket_;  // Where the open ones began.
  std::vector<MathSpan> spans_;
};

}  // namespace

std::vector<MathSpan> FindEnvironments(std::string_view text, WorkBudget& budget) {
  return EnvironmentFinder(text).Run(budget);
}

}  // namespace maspo
