#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "reward_server/verification/expression.h"

namespace maspo {

// 1 \pm \sqrt{2}, \frac{3 \pm \sqrt{5}}{2}: one expression that stands for two values.

// Puts two members in place of each with such a sign: with all upper and with all lower signs. ResourceExhausted: too
// many members.
absl::StatusOr<std::vector<Expression>> WithBothSigns(std::vector<Expression> members);

}  // namespace maspo
