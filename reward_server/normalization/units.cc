#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "reward_server/normalization/latex_normalizer.h"
#include "reward_server/text.h"

namespace maspo {
namespace {

constexpr int kMaxUnitWords = 3;  // "dollars per hour"

// Words of two letters or more that follow a number without changing it; without the s of the plural. Single letters,
// and pairs that name a product or a segment, are variables.
constexpr auto kUnits = std::to_array<std::string_view>({
    "acr",    "am",     "appl",     "cc",        "cent",      "centimeter", "centimetre", "child",   "children",
    "cm",     "coin",   "cubic",    "cup",       "day",       "decrease",   "deg",        "degree",  "digit",
    "dm",     "dollar", "edg",      "euro",      "feet",      "female",     "foot",       "ft",      "gal",
    "gallon", "gm",     "gram",     "hectar",    "hour",      "hr",         "increase",   "inch",    "integer",
    "joul",   "kg",     "kilogram", "kilometer", "kilometre", "km",         "kmh",        "kmph",    "kph",
    "lb",     "liter",  "litr",     "loss",      "man",       "mark",       "meal",       "men",     "meter",
    "metr",   "mg",     "mile",     "min",       "minut",     "ml",         "mm",         "mol",     "month",
    "more",   "mph",    "mt",       "mtr",       "number",    "ohm",        "ounc",       "oz",      "peopl",
    "per",    "pm",     "point",    "pound",     "profit",    "rad",        "radian",     "ratio",   "round",
    "rs",     "rupe",   "sec",      "second",    "soldier",   "sq",         "square",     "student", "tile",
    "ton",    "toy",    "unit",     "way",       "week",      "woman",      "women",      "yard",    "yd",
    "year",   "yr",     "yuan",
});

bool IsUnit(std::string_view word) {
  const auto listed = [](std::string_view stem) { return std::binary_search(kUnits.begin(), kUnits.end(), stem); };
  if (word.size() < 2) return false;
  for (const std::string_view ending : {"", "s", "es", "e"}) {
    if (word.ends_with(ending) && listed(word.substr(0, word.size() - ending.size()))) return true;
  }
  return false;
}

// Without an exponent at the end: ^2, ^{2}, {^2}.
std::string_view WithoutExponent(std::string_view text) {
  std::string_view rest = Stripped(text);
  const bool braced = rest.ends_with("}");
  if (braced) rest.remove_suffix(1);
  if (rest.empty() || !absl::ascii_isdigit(rest.back())) return text;
  rest.remove_suffix(1);
  for (const std::string_view opening : {"^{", "{^", "^"}) {
    if (rest.ends_with(opening) && braced == (opening != "^"))
      return Stripped(rest.substr(0, rest.size() - opening.size()));
  }
  return text;
}

// Where the \text{...} that ends the text begins; npos: it ends otherwise.
size_t BeginOfFinalText(std::string_view text) {
  if (!text.ends_with("}")) return std::string_view::npos;
  const size_t begin = text.rfind("\\text");
  if (begin == std::string_view::npos) return begin;
  const size_t open = text.find('{', begin);
  // Words that list something are no unit.
  const bool is_last = text.find('}', open) == text.size() - 1 && !Contains(text.substr(open), ',');
  return is_last ? begin : std::string_view::npos;
}

// Whether a unit may follow: a value ends here.
bool EndsWithValue(std::string_view text) {
  text = Stripped(text);
  while (text.ends_with("\\") || text.ends_with("\\,")) text = Stripped(text.substr(0, text.rfind('\\')));
  return !text.empty() && (absl::ascii_isalnum(text.back()) || Contains("})]!%|.", text.back()));
}

std::string_view WithoutFinalText(std::string_view text) {
  const std::string_view unit = WithoutExponent(text);
  const size_t begin = BeginOfFinalText(unit);
  if (begin == std::string_view::npos || !EndsWithValue(text.substr(0, begin))) return text;
  return Stripped(text.substr(0, begin));
}

// "12 cm^2", "45 km/h", "24 square feet": one word less.
std::string_view WithoutFinalWord(std::string_view text) {
  const std::string_view unit = WithoutExponent(text);
  size_t begin = unit.size();
  while (begin > 0 && absl::ascii_isalpha(unit[begin - 1])) --begin;
  std::string_view rest = unit.substr(0, begin);
  const std::string_view word = unit.substr(begin);
  if (rest.ends_with("/") && !word.empty()) {  // km/h: what is divided must be a unit too.
    rest.remove_suffix(1);
    const std::string_view without = WithoutFinalWord(rest);
    return without.size() < rest.size() ? without : text;
  }
  if (rest.empty() || !(absl::ascii_isdigit(rest.back()) || rest.back() == '}' || rest.back() == ' ')) return text;
  return IsUnit(word) && EndsWithValue(rest) ? Stripped(rest) : text;
}

}  // namespace

std::string_view WithoutFinalUnit(std::string_view text) {
  text = WithoutFinalText(Stripped(text));
  for (int i = 0; i < kMaxUnitWords; ++i) text = WithoutFinalWord(text);
  return text;
}

}  // namespace maspo
