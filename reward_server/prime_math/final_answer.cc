#include "reward_server/prime_math/final_answer.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "reward_server/text.h"

namespace maspo {
namespace {

constexpr size_t npos = std::string_view::npos;

constexpr std::string_view kBefore[] = {"answer:", "answer is", "answers are"};
constexpr std::string_view kBehind[] = {"is answer", "is the answer", "are answers", "are the answers"};
constexpr std::string_view kVerbs[] = {"be ",  "is ",  "are ",  "=",   ": ",   "get ",
                                       "be\n", "is\n", "are\n", ":\n", "get\n"};

// A part of the response, and the same part in lower case.
class Remaining {
 public:
  explicit Remaining(std::string_view text) : text_(text), lower_(text) { absl::AsciiStrToLower(&lower_); }

  std::string_view text() const { return text_.substr(begin_, end_ - begin_); }

  bool CutBehindLast(std::string_view marker) {
    const size_t at = Lower().rfind(marker);
    if (at == npos) return false;
    begin_ += at + marker.size();
    Strip();
    return true;
  }

  bool CutBeforeLast(std::string_view marker) {
    const size_t at = Lower().rfind(marker);
    if (at == npos) return false;
    end_ = begin_ + at;
    Strip();
    return true;
  }

  // To the content of the last box, unless it is empty or not closed.
  bool CutToLastBox() {
    size_t at = text().rfind("\\boxed");
    if (at == npos) at = text().rfind("\\fbox");
    const size_t open = at == npos ? npos : text().find_first_of("{}", at);
    if (open == npos) return false;
    int depth = 0;
    size_t first = npos, close = open;
    for (; close != npos; close = text().find_first_of("{}", close + 1)) {
      depth += text()[close] == '{' ? 1 : -1;
      if (first == npos && text()[close] == '{') first = close;
      if (text()[close] == '}' && depth == 0) break;
    }
    if (close == npos || first == npos || Stripped(text().substr(first + 1, close - first - 1)).empty()) return false;
    end_ = begin_ + close;
    begin_ += first + 1;
    Strip();
    return true;
  }

 private:
  std::string_view Lower() const { return std::string_view(lower_).substr(begin_, end_ - begin_); }

  void Strip() {
    while (begin_ < end_ && absl::ascii_isspace(text_[begin_])) ++begin_;
    while (begin_ < end_ && absl::ascii_isspace(text_[end_ - 1])) --end_;
  }

  const std::string_view text_;
  std::string lower_;
  size_t begin_ = 0, end_ = text_.size();
};

}  // namespace

PrimeFinalAnswer FindPrimeFinalAnswer(std::string_view response) {
  Remaining remaining(response);
  bool is_announced = false;
  for (const std::string_view marker : kBefore) is_announced |= remaining.CutBehindLast(marker);
  for (const std::string_view marker : kBehind) is_announced |= remaining.CutBeforeLast(marker);
  is_announced |= remaining.CutToLastBox();
  remaining.CutBeforeLast(". ");
  for (const std::string_view marker : kVerbs) is_announced |= remaining.CutBehindLast(marker);
  const std::string_view text = remaining.text();
  const bool has_digit = std::any_of(text.begin(), text.end(), [](char c) { return absl::ascii_isdigit(c); });
  return {text, is_announced && has_digit};
}

}  // namespace maspo
