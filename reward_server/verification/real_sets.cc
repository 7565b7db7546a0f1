#include "reward_server/verification/real_sets.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "reward_server/verification/ball_value.h"
#include "reward_server/verification/scalar_comparison.h"

namespace maspo {
namespace {

using Kind = Expression::Kind;

constexpr slong kBits = 128;     // Of the ends, for sorting.
constexpr int kGapSamples = 16;  // Between two ends, when a relation is tested.
constexpr slong kNearBits = 30;  // Samples next to an end are 2^-kNearBits away.

int SignOfInfinity(const Expression& e) {
  if (e.Is(Kind::kNegate)) return -SignOfInfinity(e.parts[0]);
  return e.IsConstant("infinity") ? 1 : 0;
}

// A number of the line: an end, or a sample between two.
struct Place {
  Expression value;
  int rank = 0;  // 2i + 1 for end i, 2i for what is below it and above end i - 1.
};

class Line {
 public:
  explicit Line(WorkBudget& budget) : budget_(budget) {}

  // Collects the ends of a set; false when it is none that can be tested.
  bool Add(const Expression& set) {
    switch (set.kind) {
      case Kind::kList:
      case Kind::kSet:
        return std::all_of(set.parts.begin(), set.parts.end(),
                           [&](const Expression& member) { return AddEnd(member); });
      case Kind::kTuple:
        return IsInterval(set) && AddEnd(set.parts[0]) && AddEnd(set.parts[1]);
      case Kind::kUnion:
      case Kind::kIntersection:
      case Kind::kDifference:
        return std::all_of(set.parts.begin(), set.parts.end(), [&](const Expression& part) { return Add(part); });
      case Kind::kNamedSet:
        return set.text == "R";
      case Kind::kSetBuilder:
        return Add(set.parts[0]);
      case Kind::kRelation:
      case Kind::kChain:
        has_relation_ = true;
        return FreeSymbols(set).size() == 1;
      default:
        return AddEnd(set);
    }
  }

  // Sorts the ends and joins equal ones.
  bool Sort() {
    std::sort(ends_.begin(), ends_.end(), [](const End& a, const End& b) {
      return arf_cmp(arb_midref(a.ball.real()), arb_midref(b.ball.real())) < 0;
    });
    std::vector<End> unique;
    for (End& end : ends_) {
      if (!budget_.Spend()) return false;
      const bool repeats = !unique.empty() && IsSame(unique.back(), end);
      ranks_.emplace_back(end.written, static_cast<int>(2 * (unique.size() - (repeats ? 1 : 0)) + 1));
      if (!repeats) unique.push_back(std::move(end));
    }
    ends_ = std::move(unique);
    std::sort(ranks_.begin(), ranks_.end());
    return true;
  }

  std::vector<Place> Places() const {
    std::vector<Place> places;
    for (size_t i = 0; i <= ends_.size(); ++i) {
      AddGap(i, places);
      if (i < ends_.size()) places.push_back({*ends_[i].written, static_cast<int>(2 * i + 1)});
    }
    return places;
  }

  // Whether the place is in the set; nothing when a relation has no truth there.
  bool Holds(const Expression& set, const Place& place) {
    switch (set.kind) {
      case Kind::kList:
      case Kind::kSet:
        return std::any_of(set.parts.begin(), set.parts.end(),
                           [&](const Expression& m) { return RankOf(m) == place.rank; });
      case Kind::kTuple:
        return IsBetween(set, place.rank);
      case Kind::kUnion:
        return std::any_of(set.parts.begin(), set.parts.end(),
                           [&](const Expression& part) { return Holds(part, place); });
      case Kind::kIntersection:
        return std::all_of(set.parts.begin(), set.parts.end(),
                           [&](const Expression& part) { return Holds(part, place); });
      case Kind::kDifference:
        return Holds(set.parts[0], place) && !Holds(set.parts[1], place);
      case Kind::kNamedSet:
        return true;
      case Kind::kSetBuilder:
        return Holds(set.parts[0], place);
      case Kind::kChain:
        return std::all_of(set.parts.begin(), set.parts.end(),
                           [&](const Expression& part) { return IsTrue(part, set, place); });
      case Kind::kRelation:
        return IsTrue(set, set, place);
      default:
        return RankOf(set) == place.rank;
    }
  }

 private:
  struct End {
    const Expression* written;
    Ball ball;
  };

  bool AddEnd(const Expression& end) {
    if (SignOfInfinity(end) != 0) return true;
    End added{&end, {}};
    if (!FreeSymbols(end).empty() || !BallValue(end, {}, Domain::kReal, kBits, budget_, added.ball)) return false;
    ends_.push_back(std::move(added));
    return true;
  }

  bool IsSame(const End& a, const End& b) {
    return arb_overlaps(a.ball.real(), b.ball.real()) && CompareScalars(*a.written, *b.written, 6, budget_).is_equal();
  }

  int RankOf(const Expression& end) const {
    const auto found = std::lower_bound(ranks_.begin(), ranks_.end(), std::pair<const Expression*, int>(&end, 0));
    return found != ranks_.end() && found->first == &end ? found->second : -1;
  }

  bool IsBetween(const Expression& interval, int rank) const {
    const Expression &low = interval.parts[0], &high = interval.parts[1];
    const int low_rank = SignOfInfinity(low) < 0 ? -1 : RankOf(low);
    const int high_rank = SignOfInfinity(high) > 0 ? static_cast<int>(2 * ends_.size()) + 2 : RankOf(high);
    return (rank > low_rank && rank < high_rank) || (rank == low_rank && interval.text[0] == '[') ||
           (rank == high_rank && interval.text[1] == ']');
  }

  // The middle of end i, as a rational number.
  Rational Middle(size_t i) const {
    Rational middle;
    arf_get_fmpq(middle.get(), arb_midref(ends_[i].ball.real()));
    return middle;
  }

  // Samples between end i - 1 and end i; one is enough where no relation is tested.
  void AddGap(size_t i, std::vector<Place>& places) const {
    const int rank = static_cast<int>(2 * i);
    const auto add = [&](const Rational& value) { places.push_back({Expression::Number(value), rank}); };
    if (!has_relation_) return add(Rational());
    Rational near(1), sample;
    fmpz_mul_2exp(fmpq_denref(near.get()), fmpq_denref(near.get()), kNearBits);
    const bool above = i > 0, below = i < ends_.size();
    const auto step = [&](const Rational& from, const Rational& by) {
      if (maspo::Add(from, by, sample) == Exactness::kExact) add(sample);
    };
    if (below) step(Middle(i), near.Negated());
    if (above) step(Middle(i - 1), near);
    for (int k = 1; k <= kGapSamples; ++k) {
      if (below && above) {
        Rational width, part;
        if (maspo::Add(Middle(i), Middle(i - 1).Negated(), width) != Exactness::kExact) continue;
        if (Multiply(width, Rational(k, kGapSamples + 1), part) == Exactness::kExact) step(Middle(i - 1), part);
      } else {
        const Rational distance(k * k * k, 8);
        if (above || !below) step(above ? Middle(i - 1) : Rational(), distance);
        if (below || !above) step(below ? Middle(i) : Rational(), distance.Negated());
      }
    }
  }

  bool IsTrue(const Expression& relation, const Expression& whole, const Place& place) {
    const std::vector<std::string> names = FreeSymbols(whole);
    Expression difference = Expression::Of(Kind::kSum, relation.parts[0], Expression::Negated(relation.parts[1]));
    Substitute(difference, names[0], place.value);
    const int sign = SignOfConstant(difference, budget_);
    if (sign == 2) return false;
    if (relation.text == "=") return sign == 0;
    if (relation.text == "!=") return sign != 0;
    if (relation.text == "<") return sign < 0;
    if (relation.text == "<=") return sign <= 0;
    return relation.text == ">" ? sign > 0 : sign >= 0;
  }

  WorkBudget& budget_;
  std::vector<End> ends_;
  std::vector<std::pair<const Expression*, int>> ranks_;  // Of the ends as they are written in the sets.
  bool has_relation_ = false;
};

}  // namespace

std::optional<bool> SameRealSet(const Expression& a, const Expression& b, WorkBudget& budget) {
  Line line(budget);
  if (!line.Add(a) || !line.Add(b) || !line.Sort()) return std::nullopt;
  for (const Place& place : line.Places()) {
    if (!budget.Spend()) return std::nullopt;
    if (line.Holds(a, place) != line.Holds(b, place)) return false;
  }
  return true;
}

}  // namespace maspo
