#pragma once

#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "tests/reward_server/verification/verify_support.h"

// What a model might write to break its verifier.
namespace maspo {

inline std::string Repeat(const std::string& text, int count) {
  std::string repeated;
  repeated.reserve(text.size() * count);
  for (int i = 0; i < count; ++i) repeated += text;
  return repeated;
}

struct Hostile {
  std::string name;
  std::string response;
};
inline void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.name; }

inline std::vector<Hostile> HostileResponses() {
  const std::string many_items = Repeat("1, ", 3000) + "1";
  std::string intervals = "[0,1]";
  for (int i = 1; i < 60; ++i) intervals += "\\cup[" + std::to_string(2 * i) + "," + std::to_string(2 * i + 1) + "]";
  return {
      {"Empty", ""},
      {"Nul", std::string("\\boxed{\0}", 9)},
      {"NulInANumber", std::string("\\boxed{1\0"
                                   "2}",
                                   11)},
      {"BrokenUtf8", "\\boxed{\xff\xfe\xc0\x80\xed\xa0\x80}"},
      {"CutUtf8", "\\boxed{\xe2"},
      {"Backslash", "\\boxed{\\"},
      {"TenMegabytes", std::string(10 << 20, 'a')},
      {"TenMegabytesOfDigits", std::string(10 << 20, '7')},
      {"TenMegabytesOfDollars", std::string(10 << 20, '$')},
      {"TenMegabytesOfBackslashes", std::string(10 << 20, '\\')},
      {"TenMegabytesOfNewlines", std::string(10 << 20, '\n')},
      {"MillionBraces", "\\boxed{" + std::string(1000000, '{')},
      {"MillionNestedBraces", "\\boxed{" + std::string(1000000, '{') + "1" + std::string(1000000, '}') + "}"},
      {"MillionParentheses", "answer: " + std::string(1000000, '(') + "1"},
      {"MillionParenthesesBeforeNumbers", Repeat("((((((((((1 ", 100000)},
      {"MillionBoxes", Repeat("\\boxed{", 150000)},
      {"MillionBoxWords", Repeat("\\boxed ", 150000)},
      {"MillionClosedBoxes", Repeat("\\boxed{1}", 120000)},
      {"MillionFractions", "\\boxed{" + Repeat("\\frac", 1000) + "}"},
      {"NestedFractions", "\\boxed{" + Repeat("\\frac{1}{", 200) + "1" + std::string(200, '}') + "}"},
      {"FractionsInProse", Repeat("\\frac{", 170000)},
      {"UnclosedDisplays", Repeat("\\[ 1 ", 200000)},
      {"UnclosedInline", Repeat("\\( 1 ", 200000)},
      {"ManyAnswers", Repeat("answer: ", 130000)},
      {"ManyFinalAnswers", Repeat("final answer is ", 65000)},
      {"ManyFinalAnswersIs", "final answer" + Repeat(" is", 300000)},
      {"ManyHashes", std::string(1000000, '#')},
      {"ManyNumbers", Repeat("1 ", 500000)},
      {"LongSumInProse", Repeat("1+(", 300000)},
      {"LongSum", Boxed(Repeat("1+", 4000) + "1")},
      {"LongQuotient", Boxed(Repeat("1/", 2000) + "1")},
      {"ManySigns", Boxed(Repeat("-", 4000) + "1")},
      {"ManyPercents", Boxed("1" + Repeat("%", 4000))},
      {"ManyPowers", Boxed(Repeat("2^", 2000) + "1")},
      {"ManyEquals", Boxed(Repeat("1=", 2000) + "1")},
      {"ManyWords", Boxed(Repeat("a ", 4000))},
      {"MillionDigits", Boxed(std::string(1000000, '9'))},
      {"ManyDigits", Boxed(std::string(8000, '9'))},
      {"ManyDigitsProduct", Boxed(Repeat(std::string(200, '9') + "*", 38) + "1")},
      {"PowerTower", Boxed("9^{9^{9^9}}")},
      {"NegativePowerTower", Boxed("9^{-9^{9^9}}")},
      {"LargePowers", Boxed(Repeat("(9^{9999})*", 500) + "1")},
      {"LargeDenominators", Boxed(Repeat("\\frac{1}{7^{3000}}+", 300) + "1")},
      {"Factorials", Boxed("((9!)!)!")},
      {"Binomial", Boxed("\\binom{10^9}{5\\cdot10^8}")},
      {"LongSumSymbol", Boxed("\\sum_{k=1}^{10^9} \\frac{1}{k}")},
      {"DivisionByZero", Boxed("\\frac{1}{0}")},
      {"ZeroToANegativePower", Boxed("0^{-1}")},
      {"HiddenDivisionByZero", Boxed("\\frac{1}{3-3}")},
      {"ThousandsOfItems", Boxed(many_items)},
      {"ThousandsOfSetItems", Boxed("\\{" + many_items + "\\}")},
      {"ManyIntervals", Boxed(intervals)},
      {"Format", Boxed("%n%n%s%s")},
  };
}

// Random bytes with a taste for the marks that the scanners know.
inline std::string RandomText(std::mt19937_64& random, size_t max_pieces) {
  static const std::vector<std::string> kPieces = {
      "\\boxed{", "\\frac", "{",      "}",      "$",   "$$", "\\[", "\\]",    "\\(",     "\\)",    "(",
      ")",        "[",      "]",      "\\{",    "\\}", "1",  "23",  "4.5",    ",",       "x",      "^",
      "_",        "+",      "-",      "*",      "/",   "=",  "%",   "\\%",    "\\text{", "answer", "final answer is ",
      ": ",       " is ",   "####",   " ",      "\n",  "\\", "and", "\u2212", "\u221a",  "\xff",   std::string(1, '\0'),
      "cm",       ".",      "\\left", "\\infty"};
  std::string text;
  for (int i = static_cast<int>(random() % max_pieces); i > 0; --i) text += kPieces[random() % kPieces.size()];
  return text;
}

}  // namespace maspo
