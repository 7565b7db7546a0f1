#include "reward_server/extraction/answer_extractor.h"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "absl/strings/ascii.h"
#include "reward_server/extraction/boxes.h"
#include "reward_server/extraction/byte_set.h"
#include "reward_server/extraction/choices.h"
#include "reward_server/limits.h"
#include "reward_server/text.h"

namespace maspo {
namespace {

constexpr std::array<int, 6> kLevels = {0, 50, 100, 200, 250, 300};
constexpr size_t kAnchorWindow = 50;     // Characters from "answer" to the answer,
constexpr size_t kEquationWindow = 100;  // or to the equals sign before it.

size_t SkipBlanks(std::string_view text, size_t at) {
  while (at < text.size() && absl::ascii_isspace(text[at])) ++at;
  return at;
}

// "12 = ...": the number is the left side of an equation, and no answer.
bool EqualsSignFollows(std::string_view text, size_t at) {
  at = SkipBlanks(text, at);
  return at < text.size() && text[at] == '=';
}

// The end of the response: what comes last is the answer.
std::string_view SearchedPart(std::string_view response) {
  if (response.size() <= limits::kResponseBytes) return response;
  return response.substr(response.size() - limits::kResponseBytes);
}

// Applies `match` to the anchors from left to right; what one match covers is not searched again.
void AppendForAnchors(const std::vector<Anchor>& anchors, std::vector<Candidate>& found,
                      const std::function<std::optional<Candidate>(const Anchor&)>& match) {
  size_t searched = 0;
  for (const Anchor& anchor : anchors) {
    if (anchor.end < searched) continue;
    std::optional<Candidate> candidate = match(anchor);
    if (!candidate) continue;
    candidate->begin = anchor.end;
    searched = candidate->end;
    found.push_back(*std::move(candidate));
  }
}

// Of what one pattern has found, in order, since there were `others`, only the last can become the answer.
void KeepLast(size_t others, std::vector<Candidate>& found) {
  if (found.size() < others + 2 * limits::kCandidates) return;
  found.erase(found.begin() + static_cast<ptrdiff_t>(others), found.end() - limits::kCandidates);
}

}  // namespace

AnswerExtractor::AnswerExtractor(std::string_view response, const ExtractionOptions& options, WorkBudget& budget)
    : text_(SearchedPart(response)),
      options_(options),
      budget_(budget),
      anchors_(FindAnchors(text_, budget)),
      environments_(text_) {}

std::optional<Candidate> AnswerExtractor::Next() {
  while (pending_.empty() && next_level_ < kLevels.size() && !budget_.exhausted()) {
    Candidates found;
    FindLevel(kLevels[next_level_++], found);
    std::stable_sort(found.begin(), found.end(), [](const Candidate& a, const Candidate& b) {
      return a.end != b.end ? a.end > b.end : a.begin < b.begin;
    });
    if (found.size() > limits::kCandidates) found.resize(limits::kCandidates);
    pending_.insert(pending_.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
  }
  if (pending_.empty()) return std::nullopt;
  Candidate next = std::move(pending_.front());
  pending_.pop_front();
  return next;
}

void AnswerExtractor::FindLevel(int level, Candidates& found) {
  switch (level) {
    case 0:
      AppendIHope(found);
      break;
    case 50:
      AppendFinalAnswers(found);
      break;
    case 100:
      AppendAnchored(/*with_colon=*/true, found);
      break;
    case 200:
      AppendAnchored(/*with_colon=*/false, found);
      break;
    case 250:
      AppendStart(found);
      break;
    default:
      AppendAnywhere(found);
      break;
  }
  if (options_.latex && level == options_.boxed_priority) AppendBoxes(found);
}

void AnswerExtractor::AppendIHope(Candidates& found) {
  using Match = std::optional<Candidate> (AnswerExtractor::*)(size_t, std::string_view);
  for (const Match match : {&AnswerExtractor::MathAt, &AnswerExtractor::PlainAt, &AnswerExtractor::ChoiceAt}) {
    AppendForAnchors(anchors_, found, [&](const Anchor& anchor) -> std::optional<Candidate> {
      const size_t at = PositionAfterFinalAnswerIs(text_, anchor);
      if (at == std::string_view::npos) return std::nullopt;
      std::optional<Candidate> candidate = (this->*match)(at, "final answer, I hope");
      return candidate && IHopeFollows(text_, candidate->end) ? candidate : std::nullopt;
    });
  }
}

void AnswerExtractor::AppendFinalAnswers(Candidates& found) {
  using Match = std::optional<Candidate> (AnswerExtractor::*)(size_t, std::string_view);
  for (const Match match : {&AnswerExtractor::MathAt, &AnswerExtractor::PlainAt, &AnswerExtractor::ChoiceAt}) {
    AppendForAnchors(anchors_, found, [&](const Anchor& anchor) -> std::optional<Candidate> {
      if (!anchor.is_final) return std::nullopt;
      for (const size_t at : PositionsAfterIs(text_, anchor)) {
        if (std::optional<Candidate> candidate = (this->*match)(at, "final answer is")) return candidate;
      }
      return std::nullopt;
    });
  }
}

// Environments with boxes in them, and everything from the first box to the last closing brace, whose last box counts.
void AnswerExtractor::AppendBoxes(Candidates& found) {
  size_t first = text_.find("\\boxed");
  first = std::min(first, text_.find("\\fbox"));
  if (first == std::string_view::npos) return;
  const size_t others = found.size();
  for (size_t at = 0; at < text_.size();) {
    const std::optional<MathSpan> span =
        environments_.FindFirst(at, text_.size(), EnvironmentFinder::Content::kBoxed, budget_);
    if (!span) break;
    found.push_back(FromMath(*span, "boxed"));
    KeepLast(others, found);
    at = span->end;
  }
  const size_t open = text_.find('{', first);
  if (open == std::string_view::npos) return;
  const size_t last = text_.rfind('}');
  const size_t end = last == std::string_view::npos || last < open ? text_.size() : last + 1;
  found.push_back({.notation = Candidate::Notation::kLatex,
                   .parts = {{BoxedContent(text_.substr(first, end - first), Boxes::kLast), false}},
                   .found_by = "boxed",
                   .begin = first,
                   .end = end});
}

void AnswerExtractor::AppendAnchored(bool with_colon, Candidates& found) {
  using Match = std::optional<Candidate> (AnswerExtractor::*)(size_t, std::string_view);
  const std::string_view found_by = with_colon ? "answer:" : "answer";
  for (const Match match :
       {&AnswerExtractor::MathWithin, &AnswerExtractor::PlainWithin, &AnswerExtractor::ChoiceWithin}) {
    AppendForAnchors(anchors_, found, [&](const Anchor& anchor) -> std::optional<Candidate> {
      if (with_colon && !anchor.has_colon) return std::nullopt;
      return (this->*match)(anchor.end + (with_colon ? 1 : 0), found_by);
    });
  }
}

void AnswerExtractor::AppendStart(Candidates& found) {
  const auto choice = MatchChoiceWord(text_, 0, options_.choices);
  if (choice) found.push_back(FromChoice(choice->begin, choice->end, choice->content, "start of the text"));
}

void AnswerExtractor::AppendAnywhere(Candidates& found) {
  size_t others = found.size();
  for (size_t at = 0; options_.latex && at < text_.size();) {
    const std::optional<MathSpan> span =
        environments_.FindFirst(at, text_.size(), EnvironmentFinder::Content::kAny, budget_);
    if (!span) break;
    found.push_back(FromMath(*span, "environment"));
    KeepLast(others, found);
    at = span->end;
  }
  static constexpr int64_t kUnitsPerMatch = 8;  // Arithmetic may be 160 bytes long.
  for (const auto match : {MatchArithmetic, MatchNumber}) {
    if (!options_.plain) break;
    others = found.size();
    for (size_t at = 0; at < text_.size(); ++at) {
      if (!MayBeginPlain(text_, at)) continue;
      if (!budget_.Spend(kUnitsPerMatch)) return;
      const std::optional<PlainSpan> span = match(text_, at);
      if (!span) continue;
      found.push_back(FromPlain(*span, "number"));
      KeepLast(others, found);
      at = std::max(span->end, at + 1) - 1;
    }
  }
  others = found.size();
  for (size_t at = 0; !options_.choices.empty() && at < text_.size() && budget_.Spend(); ++at) {
    if (const auto choice = MatchChoiceWord(text_, at, options_.choices)) {
      found.push_back(FromChoice(choice->begin, choice->end, choice->content, "word"));
      KeepLast(others, found);
    }
  }
}

std::optional<Candidate> AnswerExtractor::MathAt(size_t at, std::string_view found_by) {
  if (!options_.latex) return std::nullopt;
  const auto span = environments_.MatchAt(SkipBlanks(text_, at), EnvironmentFinder::Content::kAny);
  return span ? std::optional<Candidate>(FromMath(*span, found_by)) : std::nullopt;
}

// The blank before the number belongs to it.
std::optional<Candidate> AnswerExtractor::PlainAt(size_t at, std::string_view found_by) {
  if (!options_.plain) return std::nullopt;
  const size_t next = SkipBlanks(text_, at);
  const auto span = MatchPlain(text_, next > at ? next - 1 : at);
  return span ? std::optional<Candidate>(FromPlain(*span, found_by)) : std::nullopt;
}

std::optional<Candidate> AnswerExtractor::ChoiceAt(size_t at, std::string_view found_by) {
  const auto choice = MatchChoice(text_, SkipBlanks(text_, at), options_.choices);
  if (!choice) return std::nullopt;
  return FromChoice(choice->begin, choice->end, choice->content, found_by);
}

std::optional<Candidate> AnswerExtractor::MathWithin(size_t begin, std::string_view found_by) {
  if (!options_.latex) return std::nullopt;
  const size_t end = SkipCharacters(text_, begin, kAnchorWindow) + 1;
  const auto span = environments_.FindFirst(begin, end, EnvironmentFinder::Content::kAny, budget_);
  return span ? std::optional<Candidate>(FromMath(*span, found_by)) : std::nullopt;
}

// On the anchor's line: behind the last equals sign, else the first number that is not the left side of an equation.
std::optional<Candidate> AnswerExtractor::PlainWithin(size_t begin, std::string_view found_by) {
  if (!options_.plain) return std::nullopt;
  const size_t line_end = std::min(text_.find('\n', begin), text_.size());
  const auto at = [&](size_t position) -> std::optional<Candidate> {
    const auto span = MatchPlain(text_, position);
    if (!span || EqualsSignFollows(text_, span->end)) return std::nullopt;
    return FromPlain(*span, found_by);
  };
  for (size_t equals = std::min(SkipCharacters(text_, begin, kEquationWindow) + 1, line_end); equals > begin;
       --equals) {
    if (text_[equals - 1] != '=') continue;
    const size_t number = SkipBlanks(text_, equals);
    if (auto candidate = at(number - 1)) return candidate;
  }
  const size_t last = std::min(SkipCharacters(text_, begin, kAnchorWindow), line_end);
  for (size_t position = begin; position <= last; ++position) {
    if (!MayBeginPlain(text_, position)) continue;
    if (auto candidate = at(position)) return candidate;
  }
  return std::nullopt;
}

std::optional<Candidate> AnswerExtractor::ChoiceWithin(size_t begin, std::string_view found_by) {
  const size_t line_end = std::min(text_.find('\n', begin), text_.size());
  const size_t last = std::min(SkipCharacters(text_, begin, kAnchorWindow), line_end);
  for (size_t position = begin; !options_.choices.empty() && position <= last; ++position) {
    const auto choice = MatchChoiceWord(text_, position, options_.choices);
    if (choice) return FromChoice(choice->begin, choice->end, choice->content, found_by);
  }
  return std::nullopt;
}

Candidate AnswerExtractor::FromMath(const MathSpan& span, std::string_view found_by) const {
  Candidate candidate{
      .notation = Candidate::Notation::kLatex, .parts = {}, .found_by = found_by, .begin = span.begin, .end = span.end};
  for (const MathSpan::Part& part : span.parts) {
    candidate.parts.push_back({BoxedContent(part.content, Boxes::kAll), part.is_percent});
  }
  return candidate;
}

Candidate AnswerExtractor::FromPlain(const PlainSpan& span, std::string_view found_by) const {
  return {.notation = Candidate::Notation::kPlain,
          .parts = {{std::string(span.content), span.is_percent}},
          .found_by = found_by,
          .begin = span.begin,
          .end = span.end};
}

Candidate AnswerExtractor::FromChoice(size_t begin, size_t end, std::string_view content,
                                      std::string_view found_by) const {
  std::string text(content);
  if (options_.lowercase_choices) absl::AsciiStrToLower(&text);
  return {.notation = Candidate::Notation::kChoice,
          .parts = {{std::move(text), false}},
          .found_by = found_by,
          .begin = begin,
          .end = end};
}

}  // namespace maspo
