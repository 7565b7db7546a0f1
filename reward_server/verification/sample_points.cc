#include "reward_server/verification/sample_points.h"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>

#include "reward_server/verification/functions.h"

namespace maspo {
namespace {

// Values of one variable at one point: from `low` to `high` in steps of 1/64, or of 1.
struct Range {
  slong low, high;
  bool mixed_signs = false;
};
constexpr std::array<Range, 7> kReals = {{{0, 1}, {1, 3}, {-1, 0}, {2, 6}, {-4, -1}, {0, 3, true}, {0, 1}}};
constexpr std::array<Range, 4> kIntegers = {{{5, 9}, {8, 14}, {3, 20}, {10, 17}}};

bool Contains(const Expression& e, bool (*property)(const Expression&)) {
  return property(e) ||
         std::any_of(e.parts.begin(), e.parts.end(), [&](const Expression& part) { return Contains(part, property); });
}

Rational ValueIn(const Range& range, bool integer, const std::string& name, uint64_t salt) {
  const uint64_t hash = std::hash<std::string>()(name + static_cast<char>('0' + salt));
  const slong step = integer ? 1 : 64;
  const slong count = (range.high - range.low) * step - (integer ? 0 : 1);
  const slong offset = (integer ? 0 : 1) + static_cast<slong>(hash % static_cast<uint64_t>(count));
  slong numerator = range.low * step + offset;
  if (range.mixed_signs && (hash >> 32) % 2 == 1) numerator = -numerator;
  Rational value;
  if (Divide(Rational(numerator), Rational(step), value) != Exactness::kExact) return Rational(1);
  return value;
}

}  // namespace

std::vector<Point> SamplePoints(const Expression& a, const Expression& b) {
  std::vector<std::string> names = FreeSymbols(a), more = FreeSymbols(b), all;
  std::set_union(names.begin(), names.end(), more.begin(), more.end(), std::back_inserter(all));
  const bool integers = Contains(a, WantsIntegers) || Contains(b, WantsIntegers);
  std::vector<Point> points;
  const auto add = [&](const Range& range, bool integer) {
    Point point;
    for (const std::string& name : all) point.emplace_back(name, ValueIn(range, integer, name, points.size()));
    points.push_back(std::move(point));
  };
  if (!integers) {
    for (const Range& range : kReals) add(range, false);
  }
  const size_t num_integers = integers ? kIntegers.size() : 2;
  for (size_t i = 0; i < num_integers; ++i) add(kIntegers[i], true);
  return points;
}

}  // namespace maspo
