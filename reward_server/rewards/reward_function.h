#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/reward.pb.h"
#include "proto/run_config.pb.h"
#include "reward_server/rewards/reward_term.h"

namespace maspo {

// The training reward of a verdict: reward.correct or reward.incorrect, plus the terms that reward.terms names, each as
// "NAME=WEIGHT", or as "SOURCE/NAME=WEIGHT" for the problems of one data source alone. The verifier's own failures have
// the reward 0: they are never trained on.
//
// Thread-safe.
class RewardFunction {
 public:
  // InvalidArgument: names the entry and what is allowed.
  static absl::StatusOr<std::unique_ptr<RewardFunction>> Create(const v1::RewardSection& reward);

  double Evaluate(const v1::VerifyItem& item, v1::Verdict verdict) const;
  // What the terms alone add.
  double Terms(const v1::VerifyItem& item, v1::Verdict verdict) const;

 private:
  struct Weighted {
    std::string source;  // Empty: every one.
    double weight = 0;
    std::unique_ptr<RewardTerm> term;
  };
  RewardFunction(const v1::RewardSection& reward, std::vector<Weighted> terms)
      : correct_(reward.correct()), incorrect_(reward.incorrect()), terms_(std::move(terms)) {}

  const double correct_, incorrect_;
  const std::vector<Weighted> terms_;
};

}  // namespace maspo
