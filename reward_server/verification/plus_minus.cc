#include "reward_server/verification/plus_minus.h"

#include <algorithm>
#include <utility>

#include "reward_server/limits.h"

namespace maspo {
namespace {

using Kind = Expression::Kind;

// Replaces a \pm b by a + b or, with the lower sign, by a - b.
void ChooseSign(Expression& e, bool upper) {
  for (Expression& part : e.parts) ChooseSign(part, upper);
  if (!e.Is(Kind::kPlusMinus)) return;
  const bool plus = (e.text == "+") == upper;
  Expression last = std::move(e.parts.back());
  if (!plus) last = Expression::Negated(std::move(last));
  e = e.parts.size() == 1 ? std::move(last)
                          : Expression::Flat(Kind::kSum, Expression(std::move(e.parts[0])), std::move(last));
}

bool HasPlusMinus(const Expression& e) {
  return e.Is(Kind::kPlusMinus) || std::any_of(e.parts.begin(), e.parts.end(), HasPlusMinus);
}

}  // namespace

absl::StatusOr<std::vector<Expression>> WithBothSigns(std::vector<Expression> members) {
  if (std::none_of(members.begin(), members.end(), HasPlusMinus)) return members;
  std::vector<Expression> values;
  for (Expression& member : members) {
    if (values.size() + 1 >= limits::kItems) return absl::ResourceExhaustedError("the list has too many members");
    if (HasPlusMinus(member)) {
      values.push_back(member);
      ChooseSign(values.back(), true);
      ChooseSign(member, false);
    }
    values.push_back(std::move(member));
  }
  return values;
}

}  // namespace maspo
