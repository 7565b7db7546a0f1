#include "reward_server/extraction/answer_extractor.h"

#include <algorithm>
#include <utility>

#include "reward_server/limits.h"
#include "reward_server/text.h"

namespace maspo {
namespace {

constexpr size_t kAnchorWindow = 50;   // Bytes from "answer" to the answer.
constexpr size_t kMaxJoined = 6;       // Environments of one list.
constexpr size_t kMaxPerLevel = 4;     // Candidates worth a try.
constexpr size_t kMaxWordsBytes = 60;  // Of an answer in words.

using SpanList = std::vector<MathSpan>;

// Whether `between` two environments makes them members of one list: ",", "and", "or", ", and".
bool JoinsEnvironments(std::string_view between) {
  if (between.size() > 12) return false;
  between = Stripped(between);
  const bool comma = Consume(between, ",");
  between = Stripped(between);
  return between == "and" || between == "or" || (comma && between.empty());
}

bool AreJoined(std::string_view text, const MathSpan& first, const MathSpan& second) {
  return first.notation == Notation::kLatex && second.notation == Notation::kLatex &&
         JoinsEnvironments(text.substr(first.end, second.begin - first.end));
}

// [begin, end) of the joined environments around spans[index].
std::pair<size_t, size_t> JoinedRun(std::string_view text, const SpanList& spans, size_t index) {
  size_t begin = index, end = index + 1;
  while (end < spans.size() && end - begin < kMaxJoined && AreJoined(text, spans[end - 1], spans[end])) ++end;
  while (begin > 0 && end - begin < kMaxJoined && AreJoined(text, spans[begin - 1], spans[begin])) --begin;
  return {begin, end};
}

// The first span that begins at `position` or later.
SpanList::const_iterator FirstFrom(const SpanList& spans, size_t position) {
  return std::partition_point(spans.begin(), spans.end(), [&](const auto& span) { return span.begin < position; });
}

// A percent sign or word behind an environment belongs to it: $35$%, $35$ percent.
std::string_view PercentAfter(std::string_view text, size_t end) {
  text.remove_prefix(std::min(end, text.size()));
  Consume(text, " ");
  const bool percent = text.starts_with("%") || text.starts_with("\\%") || text.starts_with("percent");
  return percent ? "\\%" : "";
}

std::string JoinContents(SpanList::const_iterator begin, SpanList::const_iterator end) {
  std::string joined(begin->content);
  for (auto span = begin + 1; span != end; ++span) joined.append(", ").append(span->content);
  return joined;
}

}  // namespace

struct AnswerExtractor::Candidate {
  size_t begin = 0;
  size_t end = 0;
  ExtractedAnswer answer;

  // The answer around spans[index], with everything that is listed with it.
  static Candidate Around(std::string_view text, const SpanList& spans, size_t index, std::string_view found_by) {
    const auto [begin, end] = JoinedRun(text, spans, index);
    const MathSpan& last = spans[end - 1];
    std::string content = JoinContents(spans.begin() + begin, spans.begin() + end);
    if (last.notation == Notation::kLatex) content += PercentAfter(text, last.end);
    return {spans[begin].begin, last.end, {std::move(content), last.notation, found_by}};
  }
};

AnswerExtractor::AnswerExtractor(std::string_view response, WorkBudget& budget)
    : text_(response.substr(response.size() - std::min(response.size(), limits::kResponseBytes))),
      budget_(budget),
      anchors_(FindAnchors(text_, budget)) {}

std::optional<ExtractedAnswer> AnswerExtractor::Next() {
  while (pending_.empty()) {
    if (next_level_ == Level::kEnvironments && announced_) next_level_ = Level::kEnd;
    if (next_level_ == Level::kEnd || budget_.exhausted()) return std::nullopt;
    std::vector<Candidate> candidates = FindCandidates(next_level_);
    next_level_ = static_cast<Level>(static_cast<int>(next_level_) + 1);
    announced_ |= !candidates.empty();
    std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
      return a.end != b.end ? a.end > b.end : a.begin < b.begin;
    });
    if (candidates.size() > kMaxPerLevel) candidates.resize(kMaxPerLevel);
    for (Candidate& candidate : candidates) pending_.push_back(std::move(candidate.answer));
  }
  ExtractedAnswer next = std::move(pending_.front());
  pending_.pop_front();
  return next;
}

std::vector<AnswerExtractor::Candidate> AnswerExtractor::FindCandidates(Level level) {
  std::vector<Candidate> candidates;
  switch (level) {
    case Level::kIHope:
      AppendFinalAnswers(/*i_hope=*/true, candidates);
      break;
    case Level::kBoxed:
      AppendBoxes(candidates);
      AppendFinalAnswers(/*i_hope=*/false, candidates);
      break;
    case Level::kAnswerColon:
      AppendAnchored(Anchor::Kind::kAnswerColon, "answer:", candidates);
      break;
    case Level::kAnswer:
      AppendAnchored(Anchor::Kind::kAnswer, "answer", candidates);
      break;
    case Level::kHashes:
      AppendAnchored(Anchor::Kind::kHashes, "####", candidates);
      break;
    case Level::kEnvironments:
      AppendLast(Notation::kLatex, "environment", candidates);
      break;
    case Level::kPlain:
      AppendLast(Notation::kPlain, "plain", candidates);
      break;
    case Level::kWords:
      AppendWords(candidates);
      break;
    case Level::kEnd:
      break;
  }
  return candidates;
}

void AnswerExtractor::AppendBoxes(std::vector<Candidate>& candidates) {
  const SpanList boxes = FindBoxes(text_, budget_);
  if (boxes.empty()) return;
  candidates.push_back(
      {boxes.front().begin, boxes.back().end, {JoinContents(boxes.begin(), boxes.end()), Notation::kLatex, "boxed"}});
}

// "final answer ... is X": X begins directly behind the "is".
void AnswerExtractor::AppendFinalAnswers(bool i_hope, std::vector<Candidate>& candidates) {
  for (const Anchor& anchor : anchors_) {
    if (anchor.kind != Anchor::Kind::kFinalAnswer) continue;
    for (const size_t position : PositionsAfterIs(text_, anchor)) {
      const SpanList& spans = Spans();
      const auto span = FirstFrom(spans, position);
      if (span == spans.end() || span->begin != position) continue;
      Candidate candidate = Candidate::Around(text_, spans, span - spans.begin(), "final answer is");
      if (i_hope) candidate.answer.found_by = "final answer is, I hope";
      if (!i_hope || IHopeFollows(text_, candidate.end)) candidates.push_back(std::move(candidate));
    }
  }
}

// The first expression behind the anchor that no "=" follows: in "answer: 3 * 4 = 12" that is 12.
void AnswerExtractor::AppendAnchored(Anchor::Kind kind, std::string_view found_by, std::vector<Candidate>& candidates) {
  for (const Anchor& anchor : anchors_) {
    if (anchor.kind != kind) continue;
    const SpanList& spans = Spans();
    const size_t line_end = std::min(text_.find('\n', anchor.end), text_.size());
    const size_t last = std::min(line_end, anchor.end + kAnchorWindow);
    for (auto span = FirstFrom(spans, anchor.end); span != spans.end() && span->begin <= last; ++span) {
      const size_t next = text_.find_first_not_of(' ', span->end);
      if (next != std::string_view::npos && text_[next] == '=') continue;
      candidates.push_back(Candidate::Around(text_, spans, span - spans.begin(), found_by));
      break;
    }
  }
}

void AnswerExtractor::AppendLast(Notation notation, std::string_view found_by, std::vector<Candidate>& candidates) {
  const SpanList& spans = Spans();
  for (size_t i = spans.size(); i > 0 && candidates.size() < kMaxPerLevel; --i) {
    if (spans[i - 1].notation != notation) continue;
    candidates.push_back(Candidate::Around(text_, spans, i - 1, found_by));
    i = JoinedRun(text_, spans, i - 1).first + 1;
  }
}

// "answer is X." and "answer: X", where X is a few words.
void AnswerExtractor::AppendWords(std::vector<Candidate>& candidates) {
  for (const Anchor& anchor : anchors_) {
    std::vector<size_t> begins;
    if (anchor.kind == Anchor::Kind::kAnswerColon) begins.push_back(anchor.end);
    if (anchor.kind == Anchor::Kind::kAnswer) begins = PositionsAfterIs(text_, anchor);
    if (begins.empty()) continue;
    const size_t begin = begins.front();
    const size_t end = std::min(text_.find_first_of(".\n", begin), text_.size());
    if (begin == end || end - begin > kMaxWordsBytes) continue;
    std::string words(Stripped(text_.substr(begin, end - begin)));
    while (!words.empty() && (words.back() == '*' || words.back() == '_')) words.pop_back();
    candidates.push_back({begin, end, {std::move(words), Notation::kLatex, "words"}});
  }
}

const SpanList& AnswerExtractor::Spans() {
  if (!spans_) {
    const SpanList environments = FindEnvironments(text_, budget_);
    const SpanList plain = FindPlainExpressions(text_, environments, budget_);
    spans_.emplace(environments.size() + plain.size());
    std::merge(environments.begin(), environments.end(), plain.begin(), plain.end(), spans_->begin(),
               [](const MathSpan& a, const MathSpan& b) { return a.begin < b.begin; });
  }
  return *spans_;
}

ExtractedAnswer ExtractGold(std::string_view gold, WorkBudget& budget) {
  if (const SpanList boxes = FindBoxes(gold, budget); !boxes.empty()) {
    return {JoinContents(boxes.begin(), boxes.end()), Notation::kLatex, "boxed"};
  }
  if (const SpanList spans = FindEnvironments(gold, budget); !spans.empty()) {
    const auto [begin, end] = JoinedRun(gold, spans, spans.size() - 1);
    std::string joined = JoinContents(spans.begin() + begin, spans.begin() + end);
    if (!Stripped(joined).empty()) return {std::move(joined), Notation::kLatex, "environment"};
  }
  return {std::string(gold), Notation::kLatex, "text"};
}

}  // namespace maspo
