#include "reward_server/extraction/anchors.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "reward_server/extraction/byte_set.h"
#include "reward_server/text.h"

namespace maspo {
namespace {

constexpr std::string_view kAnswer = "answer";
constexpr std::string_view kHashes = "####";
constexpr size_t kIsWindow = 100;  // Bytes from an anchor to its "is".

bool MatchesAt(std::string_view text, size_t at, std::string_view lower_case_word) {
  return StartsWithIgnoreCase(text.substr(std::min(at, text.size())), lower_case_word);
}

// Skips blanks and the stars and underscores of markdown.
size_t SkipEmphasis(std::string_view text, size_t at) {
  while (at < text.size() && Contains(" \t*_", text[at])) ++at;
  return at;
}

void AppendAnswerAnchors(std::string_view text, size_t at, std::vector<Anchor>& anchors) {
  static constexpr std::string_view kFinal = "final ";
  const size_t after = at + kAnswer.size();
  if (at >= kFinal.size() && MatchesAt(text, at - kFinal.size(), kFinal)) {
    anchors.push_back({Anchor::Kind::kFinalAnswer, after});
  }
  const size_t next = SkipEmphasis(text, after);
  if (next < text.size() && text[next] == ':') {
    const size_t begin = text.find_first_not_of(" \t\r\n*_", next + 1);
    anchors.push_back({Anchor::Kind::kAnswerColon, std::min(begin, text.size())});
  } else {
    anchors.push_back({Anchor::Kind::kAnswer, after});
  }
}

}  // namespace

std::vector<Anchor> FindAnchors(std::string_view text, WorkBudget& budget) {
  std::vector<Anchor> anchors;
  static constexpr ByteSet kProbes("wW#");  // The rarest letters of the two phrases.
  const size_t w = kAnswer.find('w');
  for (size_t i = kProbes.FindLast(text, text.size()); i != std::string_view::npos && anchors.size() < kMaxAnchors;
       i = kProbes.FindLast(text, i)) {
    if (!budget.Spend()) break;
    if (text[i] != '#') {
      if (i >= w && MatchesAt(text, i - w, kAnswer)) AppendAnswerAnchors(text, i - w, anchors);
    } else if (text.substr(0, i + 1).ends_with(kHashes)) {
      anchors.push_back({Anchor::Kind::kHashes, SkipEmphasis(text, i + 1)});
      i -= kHashes.size() - 1;
    }
  }
  return anchors;
}

std::vector<size_t> PositionsAfterIs(std::string_view text, const Anchor& anchor) {
  static constexpr std::string_view kIs = " is";
  std::vector<size_t> positions;
  const size_t line_end = std::min(text.find('\n', anchor.end), text.size());
  const size_t last = std::min(line_end, anchor.end + kIsWindow);
  for (size_t is = text.find(kIs, anchor.end); is < last; is = text.find(kIs, is + 1)) {
    size_t begin = is + kIs.size();
    if (begin < text.size() && absl::ascii_isalnum(text[begin])) continue;  // " isosceles"
    if (begin < text.size() && text[begin] == ':') ++begin;
    positions.push_back(SkipEmphasis(text, begin));
  }
  return positions;
}

bool IHopeFollows(std::string_view text, size_t answer_end) {
  const size_t next = text.find_first_not_of(". *", answer_end);
  return next != std::string_view::npos && MatchesAt(text, next, "i hope");
}

}  // namespace maspo
