#pragma once

#include <cstddef>

// What one answer may be at most. Everything beyond is refused as too large before it is worked on, so that a hostile
// answer costs no more than an honest one. The largest gold answer of the usual benchmarks has 400 bytes.
namespace maspo::limits {

// Of a longer response only the end is searched. 8192 tokens of English have about 32 KB.
inline constexpr size_t kResponseBytes = 128 << 10;

inline constexpr size_t kAnswerBytes = 32 << 10;  // Text of one answer.
inline constexpr int kTokens = 16384;             // Lexical tokens of one answer.
inline constexpr int kNesting = 64;               // Brackets, fractions and powers inside one another.
inline constexpr int kChained = 512;              // Quotients, powers and marks applied to one another.
inline constexpr int kItems = 3072;               // Members of one list, set, tuple or matrix.
inline constexpr size_t kCandidates = 64;         // Places of one level of a response that are tried.
inline constexpr size_t kIntegerBits = 1 << 16;   // Numerator or denominator of a number.
inline constexpr int kTerms = 2000;               // Of a sum or product written with bounds.
inline constexpr long kBallBits = 4096;           // Working precision of a real or complex number.

}  // namespace maspo::limits
