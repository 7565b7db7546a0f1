#pragma once

#include "model/torch.h"

namespace maspo {

// What the objectives are composed of. T response tokens.

// The exponent clamp of the reference code: beyond it exp() is constant, without a gradient.
constexpr double kLogRatioLimit = 20.0;

// rho = exp(log pi - log pi_old), the exponent limited to [-limit, limit]. Carries the gradient of logprobs_T.
torch::Tensor ImportanceRatio(const torch::Tensor& logprobs_T, const torch::Tensor& old_logprobs_T,
                              double limit = kLogRatioLimit);

// Where an update has moved the token the way its advantage pushes it: A > 0 and rho > 1, or A < 0 and rho < 1. The
// side on which a one-sided trust region acts.
torch::Tensor MovedWithAdvantage(const torch::Tensor& ratio_T, const torch::Tensor& advantages_T);

}  // namespace maspo
