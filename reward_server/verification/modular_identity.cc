#include "reward_server/verification/modular_identity.h"

#include <cstdint>
#include <functional>
#include <string>

namespace maspo {
namespace {

using Kind = Expression::Kind;

constexpr uint64_t kPrime = (uint64_t{1} << 61) - 1;
constexpr int kPoints = 2;
constexpr int kAttempts = 6;  // A point may be a zero of a denominator.
constexpr slong kMaxExponent = 1 << 20;

uint64_t Multiply(uint64_t a, uint64_t b) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(a) * b % kPrime);
}

uint64_t Power(uint64_t base, uint64_t exponent) {
  uint64_t power = 1;
  for (; exponent > 0; exponent >>= 1, base = Multiply(base, base)) {
    if (exponent & 1) power = Multiply(power, base);
  }
  return power;
}

// Steele et al., "Fast splittable pseudorandom number generators": the finalizer of SplitMix64.
uint64_t Scramble(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

enum class Outcome { kValue, kPole, kNotRational };

class Evaluator {
 public:
  Evaluator(uint64_t point, WorkBudget& budget) : point_(point), budget_(budget) {}

  Outcome Evaluate(const Expression& e, uint64_t& value) {
    if (!budget_.Spend()) return Outcome::kNotRational;
    switch (e.kind) {
      case Kind::kNumber:
        return Divide(fmpz_fdiv_ui(e.value.numerator(), kPrime), fmpz_fdiv_ui(e.value.denominator(), kPrime), value);
      case Kind::kSymbol:
        value = Scramble(point_ ^ std::hash<std::string>()(e.text)) % kPrime;
        return Outcome::kValue;
      case Kind::kNegate: {
        const Outcome outcome = Evaluate(e.parts[0], value);
        value = value == 0 ? 0 : kPrime - value;
        return outcome;
      }
      case Kind::kPercent: {
        const Outcome outcome = Evaluate(e.parts[0], value);
        return outcome == Outcome::kValue ? Divide(value, 100, value) : outcome;
      }
      case Kind::kSum:
      case Kind::kProduct:
      case Kind::kQuotient:
        return EvaluateOperands(e, value);
      case Kind::kPower:
        return EvaluatePower(e, value);
      default:
        return Outcome::kNotRational;
    }
  }

 private:
  static Outcome Divide(uint64_t a, uint64_t b, uint64_t& value) {
    if (b == 0) return Outcome::kPole;
    value = Multiply(a, Power(b, kPrime - 2));
    return Outcome::kValue;
  }

  Outcome EvaluateOperands(const Expression& e, uint64_t& value) {
    Outcome outcome = Evaluate(e.parts[0], value);
    for (size_t i = 1; i < e.parts.size() && outcome == Outcome::kValue; ++i) {
      uint64_t operand = 0;
      outcome = Evaluate(e.parts[i], operand);
      if (outcome != Outcome::kValue) return outcome;
      if (e.Is(Kind::kSum)) value = (value + operand) % kPrime;
      if (e.Is(Kind::kProduct)) value = Multiply(value, operand);
      if (e.Is(Kind::kQuotient)) outcome = Divide(value, operand, value);
    }
    return outcome;
  }

  Outcome EvaluatePower(const Expression& e, uint64_t& value) {
    const Expression& exponent = e.parts[1];
    if (!exponent.Is(Kind::kNumber) || !exponent.value.IsSmall(kMaxExponent)) return Outcome::kNotRational;
    const Outcome outcome = Evaluate(e.parts[0], value);
    if (outcome != Outcome::kValue) return outcome;
    const slong n = exponent.value.small();
    value = Power(value, static_cast<uint64_t>(n < 0 ? -n : n));
    return n < 0 ? Divide(1, value, value) : Outcome::kValue;
  }

  const uint64_t point_;
  WorkBudget& budget_;
};

}  // namespace

std::optional<bool> SameRationalFunction(const Expression& a, const Expression& b, WorkBudget& budget) {
  int agreed = 0;
  for (int attempt = 0; attempt < kAttempts && agreed < kPoints; ++attempt) {
    Evaluator evaluator(Scramble(attempt), budget);
    uint64_t value_a = 0, value_b = 0;
    const Outcome outcome_a = evaluator.Evaluate(a, value_a), outcome_b = evaluator.Evaluate(b, value_b);
    if (outcome_a == Outcome::kNotRational || outcome_b == Outcome::kNotRational) return std::nullopt;
    if (outcome_a == Outcome::kPole || outcome_b == Outcome::kPole) continue;
    if (value_a != value_b) return false;
    ++agreed;
  }
  if (agreed == 0) return std::nullopt;
  return true;
}

}  // namespace maspo
