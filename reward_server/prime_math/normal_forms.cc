#include "reward_server/prime_math/normal_forms.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "reward_server/prime_math/latex_text.h"
#include "reward_server/text.h"

namespace maspo {
namespace {

constexpr size_t npos = std::string_view::npos;

bool DigitAt(std::string_view text, size_t at) { return at < text.size() && absl::ascii_isdigit(text[at]); }

void Replace(std::string& text, std::string_view from, std::string_view to) {
  absl::StrReplaceAll({{std::string(from), std::string(to)}}, &text);
}

// What is inside when the answer is one \text{...}.
std::string_view WithoutTextCommand(std::string_view answer) {
  static constexpr std::string_view kText = "\\text{";
  const bool encloses =
      answer.starts_with(kText) && answer.ends_with("}") && answer.size() > kText.size() + 1 && !Contains(answer, '\n');
  return encloses ? answer.substr(kText.size(), answer.size() - kText.size() - 1) : answer;
}

size_t FirstCharacterBytes(std::string_view text) {
  size_t bytes = std::min<size_t>(1, text.size());
  while (bytes < text.size() && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) ++bytes;
  return bytes;
}

// Writes the text again with `write` for what follows each command; false when nothing follows one.
template <typename Write>
bool RewriteCommands(std::string& text, std::string_view command, Write write) {
  std::string out;
  size_t begin = 0;
  for (size_t at = text.find(command); at != npos; at = text.find(command, begin)) {
    out.append(text, begin, at + command.size() - begin);
    begin = at + command.size();
    if (begin == text.size() || std::string_view(text).substr(begin).starts_with(command)) return false;
    begin += write(std::string_view(text).substr(begin), out);
  }
  text = out.append(text, begin);
  return true;
}

// \sqrt3 -> \sqrt{3}
size_t WriteRadicand(std::string_view rest, std::string& out) {
  if (rest[0] == '{') return 0;
  const size_t bytes = FirstCharacterBytes(rest);
  absl::StrAppend(&out, "{", std::string(rest.substr(0, bytes)), "}");
  return bytes;
}

// \frac12, \frac1{2} -> \frac{1}{2}
size_t WriteFraction(std::string_view rest, std::string& out) {
  if (rest[0] == '{') return 0;
  const size_t first = FirstCharacterBytes(rest), second = FirstCharacterBytes(rest.substr(first));
  absl::StrAppend(&out, "{", std::string(rest.substr(0, first)), "}");
  if (rest[first] == '{') return first;
  absl::StrAppend(&out, "{", std::string(rest.substr(first, second)), "}");
  return first + second;
}

// Whether every \frac has braces or two characters behind it.
bool HasFractionArguments(std::string_view text) {
  static constexpr std::string_view kFraction = "\\frac";
  for (size_t at = text.find(kFraction); at != npos;) {
    const size_t next = text.find(kFraction, at + kFraction.size());
    const std::string_view rest =
        text.substr(at + kFraction.size(), next == npos ? npos : next - at - kFraction.size());
    if (!rest.starts_with("{") && FirstCharacterBytes(rest) == rest.size()) return false;
    at = next;
  }
  return true;
}

bool IsPlainInteger(std::string_view digits) {
  if (digits == "0") return true;
  Consume(digits, "-");
  return !digits.empty() && digits[0] != '0' &&
         std::all_of(digits.begin(), digits.end(), [](char c) { return absl::ascii_isdigit(c); });
}

// Nothing: the form is not defined, and the answer stays as it is.
std::optional<std::string> WithOneSpelling(std::string text) {
  Replace(text, "\n", "");
  Replace(text, "\\!", "");
  Replace(text, "\\\\", "\\");
  for (const std::string_view size : {"tfrac", "dfrac"}) Replace(text, size, "frac");
  for (const std::string_view dropped : {"\\left", "\\right", "^{\\circ}", "^\\circ", "\\$"})
    Replace(text, dropped, "");
  if (const size_t unit = text.find("\\text{ "); unit != npos) {
    if (text.find("\\text{ ", unit + 1) != npos) return std::nullopt;
    text.resize(unit);
  }
  Replace(text, "\\\\%", "");
  Replace(text, "\\%", "");
  Replace(text, " .", " 0.");
  Replace(text, "{.", "{0.");
  if (text.empty()) return text;
  if (text[0] == '.') text.insert(0, "0");
  const size_t equals = text.find('=');
  if (equals != npos && equals <= 2 && text.find('=', equals + 1) == npos) text.erase(0, equals + 1);
  if (!RewriteCommands(text, "\\sqrt", WriteRadicand)) return std::nullopt;
  Replace(text, " ", "");
  if (HasFractionArguments(text)) {
    if (!RewriteCommands(text, "\\frac", WriteFraction)) return std::nullopt;
  } else if (text.ends_with("\\frac") || Contains(text, "\\frac\\frac")) {
    return std::nullopt;
  }
  if (text == "0.5") return "\\frac{1}{2}";
  const size_t slash = text.find('/');
  if (slash == npos) return text;
  const std::string numerator = text.substr(0, slash), denominator = text.substr(slash + 1);
  const bool is_fraction = IsPlainInteger(numerator) && IsPlainInteger(denominator);
  return is_fraction ? absl::StrCat("\\frac{", numerator, "}{", denominator, "}") : text;
}

constexpr std::string_view kUnits[] = {"degree", "cm",   "centimeter", "meter", "mile",  "second",
                                       "minute", "hour", "day",        "week",  "month", "year",
                                       "foot",   "feet", "inch",       "yard",  "liter"};

// The unit in singular and plural, with its exponent.
void RemoveUnit(std::string& text, std::string_view unit) {
  std::string out;
  size_t begin = 0;
  for (size_t at = text.find(unit); at != npos; at = text.find(unit, begin)) {
    out.append(text, begin, at - begin);
    std::string_view rest = std::string_view(text).substr(at + unit.size());
    Consume(rest, "es");
    Consume(rest, "s");
    while (Consume(rest, " ")) continue;
    if (rest.starts_with("^") && DigitAt(rest, 1)) {
      rest.remove_prefix(1);
      while (DigitAt(rest, 0)) rest.remove_prefix(1);
    }
    begin = text.size() - rest.size();
  }
  text = out.append(text, begin);
}

// Removes `before`, blanks and `after`, wherever they follow one another; or only the blanks.
void RemoveBlanksBehind(std::string& text, std::string_view before, std::string_view after, bool keeps_before) {
  std::string out;
  size_t begin = 0;
  for (size_t at = text.find(before); at != npos; at = text.find(before, at + 1)) {
    if (at < begin) continue;
    const size_t end = std::min(text.find_first_not_of(' ', at + before.size()), text.size());
    if (!std::string_view(text).substr(end).starts_with(after)) continue;
    out.append(text, begin, at - begin).append(keeps_before ? before : "");
    begin = end + after.size();
  }
  text = out.append(text, begin);
}

// "7 3/4" -> "7+3/4"
std::string WithSumsForMixedNumbers(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (!DigitAt(text, i)) continue;
    const size_t next = text.find_first_not_of(' ', i + 1);
    if (next == npos || next == i + 1 || !DigitAt(text, next)) continue;
    out += '+';
    out += text[next];
    i = next;
  }
  return out;
}

bool IsNearInteger(double value) { return std::isfinite(value) && std::abs(value - std::nearbyint(value)) <= 1e-7; }

std::string IntegerText(double integer) {
  std::array<char, 400> digits;
  std::snprintf(digits.data(), digits.size(), "%.0f", integer + 0.0);
  return std::string_view(digits.data()) == "-0" ? "0" : digits.data();
}

}  // namespace

std::string MathNormalForm(std::string_view answer) {
  const std::string_view inside = WithoutTextCommand(Stripped(answer));
  const std::string text(inside.size() < Stripped(answer).size() ? Stripped(inside) : inside);
  return WithOneSpelling(text).value_or(text);
}

std::string TextNormalForm(std::string_view answer) {
  std::string text(WithoutTextCommand(answer));
  Replace(text, "\\%", "%");
  Replace(text, "\\$", "$");
  for (const std::string_view dropped : {"$", "%"}) Replace(text, dropped, "");
  for (const std::string_view listing : {" or ", " and "}) Replace(text, listing, " , ");
  Replace(text, "million", "*10^6");
  Replace(text, "billion", "*10^9");
  Replace(text, "trillion", "*10^12");
  for (const std::string_view unit : kUnits) RemoveUnit(text, unit);
  RemoveBlanksBehind(text, "^", "\\circ", /*keeps_before=*/false);
  if (text.starts_with("{") && text.ends_with("}")) text = text.size() > 1 ? text.substr(1, text.size() - 2) : "";
  RemoveBlanksBehind(text, ",\\!", "", /*keeps_before=*/false);
  if (const auto value = ReadFloat(text); value && IsNearInteger(*value)) text = IntegerText(std::nearbyint(*value));
  if (Contains(text, '\\')) {
    for (const std::string_view size : {"\\tfrac", "\\dfrac"}) Replace(text, size, "\\frac");
    Replace(text, "\\frac", " \\frac");  // 1\frac{2}{3} becomes 1 2/3.
    if (std::optional<std::string> plain = LatexToText(text)) {
      absl::StrReplaceAll({{"√", "sqrt"}, {"π", "pi"}, {"∞", "inf"}, {"∪", "U"}, {"·", "*"}, {"×", "*"}}, &*plain);
      text = Stripped(*plain);
    }
  }
  RemoveBlanksBehind(text, "-", "", /*keeps_before=*/true);
  text = WithSumsForMixedNumbers(text);
  absl::AsciiStrToLower(&text);
  if (IsIntegerText(text)) {
    Replace(text, ",", "");
    text = IntegerText(std::trunc(ReadFloat(text).value_or(0)));
  }
  return text;
}

std::optional<double> ReadFloat(std::string_view text) {
  text = Stripped(text);
  const bool negative = text.starts_with("-");
  if (!Consume(text, "-")) Consume(text, "+");
  if (text.empty() || text[0] == '-' || text[0] == '+') return std::nullopt;
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      digits += text[i];
    } else if (i == 0 || !DigitAt(text, i - 1) || !DigitAt(text, i + 1)) {
      return std::nullopt;
    }
  }
  double value = 0;
  const bool is_name = absl::ascii_isalpha(digits[0]);  // inf, infinity, nan
  const bool is_decimal = digits.find_first_not_of("0123456789.eE+-") == npos;
  if (!(is_name || is_decimal) || Contains(digits, '(') || !absl::SimpleAtod(digits, &value)) return std::nullopt;
  return negative ? -value : value;
}

bool IsIntegerText(std::string_view text) {
  const std::optional<double> value = ReadFloat(WithoutGroupingCommas(std::string(text)));
  return value && IsNearInteger(*value);
}

std::string WithoutGroupingCommas(std::string text) {
  while (true) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
      out += text[i];
      const bool grouped = DigitAt(text, i) && i + 1 < text.size() && text[i + 1] == ',' && DigitAt(text, i + 2) &&
                           DigitAt(text, i + 3) && DigitAt(text, i + 4) && !DigitAt(text, i + 5);
      if (!grouped) continue;
      out.append(text, i + 2, 4);  // With what ends the group: a comma there waits for the next round.
      i += 5;
    }
    if (out.size() == text.size()) return out;
    text = std::move(out);
  }
}

}  // namespace maspo
