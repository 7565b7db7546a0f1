#include "reward_server/extraction/anchors.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "reward_server/extraction/byte_set.h"
#include "reward_server/text.h"

namespace maspo {
namespace {

constexpr std::string_view kAnswer = "answer";
constexpr std::string_view kFinal = "final ";
constexpr size_t kIsWindow = 100;  // Characters from an anchor to its "is".

bool MatchesAt(std::string_view text, size_t at, std::string_view lower_case_word) {
  return StartsWithIgnoreCase(text.substr(std::min(at, text.size())), lower_case_word);
}

}  // namespace

std::vector<Anchor> FindAnchors(std::string_view text, WorkBudget& budget) {
  static constexpr LetterPair kProbe('s', 'w');  // Rare in prose but for this word.
  static constexpr size_t kProbeAt = kAnswer.find("sw");
  std::vector<Anchor> anchors;  // From the last to the first.
  for (size_t i = kProbe.FindLast(text, text.size()); i != std::string_view::npos && anchors.size() < kMaxAnchors;
       i = kProbe.FindLast(text, i + 1)) {
    if (!budget.Spend()) break;
    if (i < kProbeAt || !MatchesAt(text, i - kProbeAt, kAnswer)) continue;
    const size_t begin = i - kProbeAt, end = begin + kAnswer.size();
    const bool is_final = begin >= kFinal.size() && MatchesAt(text, begin - kFinal.size(), kFinal);
    anchors.push_back({end, is_final, end < text.size() && text[end] == ':'});
  }
  std::reverse(anchors.begin(), anchors.end());
  return anchors;
}

std::vector<size_t> PositionsAfterIs(std::string_view text, const Anchor& anchor) {
  std::vector<size_t> positions;
  const size_t last = SkipCharacters(text, anchor.end, kIsWindow);
  for (size_t is = text.find("is", anchor.end); is != std::string_view::npos && is <= last + 1;
       is = text.find("is", is + 1)) {
    if (!absl::ascii_isspace(text[is - 1])) continue;
    const size_t begin = is + 2;
    positions.push_back(begin + (begin < text.size() && text[begin] == ':'));
  }
  return positions;
}

size_t PositionAfterFinalAnswerIs(std::string_view text, const Anchor& anchor) {
  if (!anchor.is_final || !MatchesAt(text, anchor.end, " is")) return std::string_view::npos;
  const size_t begin = anchor.end + 3;
  return begin + (begin < text.size() && text[begin] == ':');
}

bool IHopeFollows(std::string_view text, size_t answer_end) {
  std::string_view rest = text.substr(std::min(answer_end, text.size()));
  Consume(rest, ".");
  if (!rest.empty() && absl::ascii_isspace(rest[0])) rest.remove_prefix(1);
  return rest.starts_with("I hope");
}

size_t SkipCharacters(std::string_view text, size_t at, size_t count) {
  for (; count > 0 && at < text.size(); --count) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
  }
  return at;
}

}  // namespace maspo
