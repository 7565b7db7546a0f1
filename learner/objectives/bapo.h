#pragma once

#include <limits>

#include "learner/objectives/objective.h"
#include "learner/objectives/parameter_reader.h"

namespace maspo {

// BAPO, balanced policy optimization with adaptive clipping (arXiv 2510.18927; arXiv 2602.17550, Eq. 4): before each
// update the clip bounds are widened until the positive tokens contribute enough to it.
//
//   c_low = a_minus + j delta_low <= b_minus,   c_high = a_plus + i delta_high <= b_plus,   j = i = 0 at first
//   while contribution(c_low, c_high) < rho0: i += 1, and when i is at its limit j += 1, until j is, too
//   loss = the clipped surrogate with [c_low, c_high]
//
// With P = sum over A > 0 of w min(rho, c_high) A and N = sum over A < 0 of w max(rho, c_low) |A|, contribution is
//
//   paper                    w = pi_old   P / |P - N|      Eq. 4 as printed: the absolute value of the signed total
//   abs_share                w = pi_old   P / (P + N)
//   gradient_share           w = pi_old   P / (P + N) over tokens that keep a gradient: rho <= c_high, rho >= c_low
//   unweighted_pos_over_neg  w = 1        P / (N + 1e-8)   as in the authors' code, with order lower_first, dual_clip 3
//
// and a denominator of 0 satisfies it. Raising c_low enlarges N in all but gradient_share, so there it cannot help.
class BapoObjective final : public PolicyObjective {
 public:
  struct Parameters {
    double rho0 = 0.4;
    double a_plus = 1.2, b_plus = 3.0, delta_high = 0.05;
    double a_minus = 0.6, b_minus = 0.9, delta_low = 0.02;
    v1::Contribution contribution = v1::CONTRIBUTION_PAPER;
    v1::BoundOrder order = v1::BOUND_ORDER_UPPER_FIRST;  // Which bound moves first; lower_first is the mirror image.
    double dual_clip = std::numeric_limits<double>::infinity();  // Off.
    double log_ratio_clamp = 20;
  };

  static Parameters Read(ParameterReader& in);

  explicit BapoObjective(const Parameters& parameters)
      : PolicyObjective({.log_ratio_limit = parameters.log_ratio_clamp, .mini_batch = true}), parameters_(parameters) {}
  ObjectiveOutputs Evaluate(const ObjectiveInputs& in) const override;
  std::unique_ptr<PolicyObjective> BoundTo(const ObjectiveInputs& mini_batch) const override;

  struct Bounds {
    double low = 0, high = 0;
    int lower_steps = 0, upper_steps = 0;
    double contribution = 0;  // At these bounds; infinity when its denominator is 0.
    int evaluations = 0;
  };
  Bounds FindBounds(const ObjectiveInputs& mini_batch) const;

 private:
  const Parameters parameters_;
};

}  // namespace maspo
