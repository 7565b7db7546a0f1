#include "reward_server/extraction/answer_extractor.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "reward_server/extraction/byte_set.h"
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

// Of what one pattern has found, in order, since there were `others`, only the last can become the answer.
template <typename Places>
void KeepLast(size_t others, Places& found) {
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
    Places found;
    FindLevel(kLevels[next_level_++], found);
    std::stable_sort(found.begin(), found.end(),
                     [](const Place& a, const Place& b) { return a.end != b.end ? a.end > b.end : a.begin < b.begin; });
    if (found.size() > limits::kCandidates) found.resize(limits::kCandidates);
    pending_.insert(pending_.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
  }
  if (pending_.empty()) return std::nullopt;
  Candidate next = ReadPlace(pending_.front());
  pending_.pop_front();
  return next;
}

void AnswerExtractor::FindLevel(int level, Places& found) {
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

template <typename MatchAnchor>
void AnswerExtractor::AppendForAnchors(Places& found, MatchAnchor match) const {
  size_t searched = 0;
  for (const Anchor& anchor : anchors_) {
    if (anchor.end < searched) continue;
    std::optional<Place> place = match(anchor);
    if (!place) continue;
    place->begin = anchor.end;
    searched = place->end;
    found.push_back(*std::move(place));
  }
}

void AnswerExtractor::AppendIHope(Places& found) {
  for (const Match match : {&AnswerExtractor::MathAt, &AnswerExtractor::PlainAt, &AnswerExtractor::ChoiceAt}) {
    AppendForAnchors(found, [&](const Anchor& anchor) -> std::optional<Place> {
      const size_t at = PositionAfterFinalAnswerIs(text_, anchor);
      if (at == std::string_view::npos) return std::nullopt;
      std::optional<Place> place = (this->*match)(at, "final answer, I hope");
      return place && IHopeFollows(text_, place->end) ? place : std::nullopt;
    });
  }
}

void AnswerExtractor::AppendFinalAnswers(Places& found) {
  for (const Match match : {&AnswerExtractor::MathAt, &AnswerExtractor::PlainAt, &AnswerExtractor::ChoiceAt}) {
    AppendForAnchors(found, [&](const Anchor& anchor) -> std::optional<Place> {
      if (!anchor.is_final) return std::nullopt;
      for (const size_t at : PositionsAfterIs(text_, anchor)) {
        if (std::optional<Place> place = (this->*match)(at, "final answer is")) return place;
      }
      return std::nullopt;
    });
  }
}

// Environments with boxes in them, and everything from the first box to the last closing brace, whose last box counts.
void AnswerExtractor::AppendBoxes(Places& found) {
  const size_t first = FindFirstBox(text_);
  if (first == std::string_view::npos) return;
  const size_t others = found.size();
  for (size_t at = 0; at < text_.size();) {
    const std::optional<MathSpan> span =
        environments_.FindFirst(at, text_.size(), EnvironmentFinder::Content::kBoxed, budget_);
    if (!span) break;
    found.push_back(PlaceOf(*span, "boxed"));
    KeepLast(others, found);
    at = span->end;
  }
  const size_t open = text_.find('{', first);
  if (open == std::string_view::npos) return;
  const size_t last = text_.rfind('}');
  const size_t end = last == std::string_view::npos || last < open ? text_.size() : last + 1;
  found.push_back({.parts = {{text_.substr(first, end - first)}},
                   .boxes = Boxes::kLast,
                   .found_by = "boxed",
                   .begin = first,
                   .end = end});
}

void AnswerExtractor::AppendAnchored(bool with_colon, Places& found) {
  const std::string_view found_by = with_colon ? "answer:" : "answer";
  for (const Match match :
       {&AnswerExtractor::MathWithin, &AnswerExtractor::PlainWithin, &AnswerExtractor::ChoiceWithin}) {
    AppendForAnchors(found, [&](const Anchor& anchor) -> std::optional<Place> {
      if (with_colon && !anchor.has_colon) return std::nullopt;
      return (this->*match)(anchor.end + (with_colon ? 1 : 0), found_by);
    });
  }
}

void AnswerExtractor::AppendStart(Places& found) {
  const auto choice = MatchChoiceWord(text_, 0, options_.choices);
  if (choice) found.push_back(PlaceOf(*choice, "start of the text"));
}

void AnswerExtractor::AppendAnywhere(Places& found) {
  size_t others = found.size();
  for (size_t at = 0; options_.latex && at < text_.size();) {
    const std::optional<MathSpan> span =
        environments_.FindFirst(at, text_.size(), EnvironmentFinder::Content::kAny, budget_);
    if (!span) break;
    found.push_back(PlaceOf(*span, "environment"));
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
      found.push_back(PlaceOf(*span, "number"));
      KeepLast(others, found);
      at = std::max(span->end, at + 1) - 1;
    }
  }
  others = found.size();
  for (size_t at = 0; !options_.choices.empty() && at < text_.size() && budget_.Spend(); ++at) {
    if (const auto choice = MatchChoiceWord(text_, at, options_.choices)) {
      found.push_back(PlaceOf(*choice, "word"));
      KeepLast(others, found);
    }
  }
}

std::optional<AnswerExtractor::Place> AnswerExtractor::MathAt(size_t at, std::string_view found_by) {
  if (!options_.latex) return std::nullopt;
  const auto span = environments_.MatchAt(SkipBlanks(text_, at), EnvironmentFinder::Content::kAny);
  return span ? std::optional<Place>(PlaceOf(*span, found_by)) : std::nullopt;
}

// The blank before the number belongs to it.
std::optional<AnswerExtractor::Place> AnswerExtractor::PlainAt(size_t at, std::string_view found_by) {
  if (!options_.plain) return std::nullopt;
  const size_t next = SkipBlanks(text_, at);
  const auto span = MatchPlain(text_, next > at ? next - 1 : at);
  return span ? std::optional<Place>(PlaceOf(*span, found_by)) : std::nullopt;
}

std::optional<AnswerExtractor::Place> AnswerExtractor::ChoiceAt(size_t at, std::string_view found_by) {
  const auto choice = MatchChoice(text_, SkipBlanks(text_, at), options_.choices);
  return choice ? std::optional<Place>(PlaceOf(*choice, found_by)) : std::nullopt;
}

std::optional<AnswerExtractor::Place> AnswerExtractor::MathWithin(size_t begin, std::string_view found_by) {
  if (!options_.latex) return std::nullopt;
  const size_t end = SkipCharacters(text_, begin, kAnchorWindow) + 1;
  const auto span = environments_.FindFirst(begin, end, EnvironmentFinder::Content::kAny, budget_);
  return span ? std::optional<Place>(PlaceOf(*span, found_by)) : std::nullopt;
}

// On the anchor's line: behind the last equals sign, else the first number that is not the left side of an equation.
std::optional<AnswerExtractor::Place> AnswerExtractor::PlainWithin(size_t begin, std::string_view found_by) {
  if (!options_.plain) return std::nullopt;
  const size_t line_end = std::min(text_.find('\n', begin), text_.size());
  const auto at = [&](size_t position) -> std::optional<Place> {
    const auto span = MatchPlain(text_, position);
    if (!span || EqualsSignFollows(text_, span->end)) return std::nullopt;
    return PlaceOf(*span, found_by);
  };
  for (size_t equals = std::min(SkipCharacters(text_, begin, kEquationWindow) + 1, line_end); equals > begin;
       --equals) {
    if (text_[equals - 1] != '=') continue;
    const size_t number = SkipBlanks(text_, equals);
    if (auto place = at(number - 1)) return place;
  }
  const size_t last = std::min(SkipCharacters(text_, begin, kAnchorWindow), line_end);
  for (size_t position = begin; position <= last; ++position) {
    if (!MayBeginPlain(text_, position)) continue;
    if (auto place = at(position)) return place;
  }
  return std::nullopt;
}

std::optional<AnswerExtractor::Place> AnswerExtractor::ChoiceWithin(size_t begin, std::string_view found_by) {
  const size_t line_end = std::min(text_.find('\n', begin), text_.size());
  const size_t last = std::min(SkipCharacters(text_, begin, kAnchorWindow), line_end);
  for (size_t position = begin; !options_.choices.empty() && position <= last; ++position) {
    const auto choice = MatchChoiceWord(text_, position, options_.choices);
    if (choice) return PlaceOf(*choice, found_by);
  }
  return std::nullopt;
}

AnswerExtractor::Place AnswerExtractor::PlaceOf(const MathSpan& span, std::string_view found_by) {
  return {.parts = span.parts, .found_by = found_by, .begin = span.begin, .end = span.end};
}

AnswerExtractor::Place AnswerExtractor::PlaceOf(const PlainSpan& span, std::string_view found_by) {
  return {.notation = Candidate::Notation::kPlain,
          .parts = {{span.content, span.is_percent}},
          .found_by = found_by,
          .begin = span.begin,
          .end = span.end};
}

AnswerExtractor::Place AnswerExtractor::PlaceOf(const ChoiceSpan& span, std::string_view found_by) {
  return {.notation = Candidate::Notation::kChoice,
          .parts = {{span.content}},
          .found_by = found_by,
          .begin = span.begin,
          .end = span.end};
}

Candidate AnswerExtractor::ReadPlace(const Place& place) const {
  Candidate candidate{.notation = place.notation, .found_by = place.found_by, .begin = place.begin, .end = place.end};
  for (const MathSpan::Part& part : place.parts) {
    const bool may_have_boxes = place.notation == Candidate::Notation::kLatex;
    std::string text = may_have_boxes ? BoxedContent(part.content, place.boxes) : std::string(part.content);
    if (place.notation == Candidate::Notation::kChoice && options_.lowercase_choices) absl::AsciiStrToLower(&text);
    candidate.parts.push_back({std::move(text), part.is_percent});
  }
  return candidate;
}

}  // namespace maspo
