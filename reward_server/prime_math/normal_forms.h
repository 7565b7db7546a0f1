#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace maspo {

// The two normal forms of an answer in the rule set prime_math. Answers with the same one are equal.

// That of the MATH data set: one spelling for fractions and roots; units, percent signs, "x =" and spaces dropped.
std::string MathNormalForm(std::string_view answer);

// That of PRM800K: in plain text and lower case; units, currency and grouping dropped, "million" multiplied.
std::string TextNormalForm(std::string_view answer);

// What Python's float() reads: digits, point, exponent, "inf", underscores between digits.
std::optional<double> ReadFloat(std::string_view text);

// A number within 1e-7 of an integer, which may have its thousands grouped.
bool IsIntegerText(std::string_view text);

// Without the commas between groups of three digits: "(1,234)" is "(1234)".
std::string WithoutGroupingCommas(std::string text);

}  // namespace maspo
