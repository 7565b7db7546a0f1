#pragma once

#include <string_view>

namespace maspo {

// Whether an answer equals the gold answer, and which rule said so.
struct Comparison {
  enum class Outcome {
    kEqual,
    kDifferent,
    kUnknown,   // Nothing to compare by: an expression without a value.
    kTooLarge,  // A number beyond the limits.
    kDeadline,  // The budget is spent.
  };
  Outcome outcome = Outcome::kDifferent;
  std::string_view decided_by;  // "integer", "fraction", "polynomial", "set", ...; a literal.

  static Comparison Of(bool equal, std::string_view decided_by) {
    return {equal ? Outcome::kEqual : Outcome::kDifferent, decided_by};
  }
  bool is_equal() const { return outcome == Outcome::kEqual; }
};

struct ComparisonOptions {
  int decimal_places = 6;          // To which a bare decimal is compared.
  bool strict = true;              // Names of variables matter.
  bool relations_as_sets = false;  // Also an answer's inequality may equal a gold set.
};

}  // namespace maspo
