#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "proto/run_config.pb.h"

namespace maspo {

// Reads the parameters of one objective out of the configuration, each into a variable that holds its default:
//
//   ParameterReader in(config);
//   in.AtLeast("alpha", p.alpha, 0);  ...
//   MASPO_RETURN_IF_ERROR(in.Finish());
//
// Finish: InvalidArgument "learner.objective.NAME must be ..., not VALUE" for the first value out of range (NaN always
// is), or for a parameter that was given and not read: the objective would ignore it, which is a mistake of the user.
class ParameterReader {
 public:
  explicit ParameterReader(const v1::ObjectiveConfig& config) : config_(config) {}

  void Greater(const char* name, double& value, double bound);
  void AtLeast(const char* name, double& value, double bound);
  void ShareOfTokens(const char* name, double& value);  // 0 to 1.
  template <typename Enum>
  void Choice(const char* name, Enum& value) {
    value = static_cast<Enum>(ReadChoice(name, value));
  }

  // Relations between parameters that were read.
  void Require(bool holds, const std::string& sentence);

  absl::Status Finish() const;

 private:
  void ReadNumber(const char* name, double& value);
  int ReadChoice(const char* name, int value);
  void Check(bool holds, const char* name, double value, const std::string& wanted);

  const v1::ObjectiveConfig& config_;
  std::vector<std::string> names_;  // Read so far.
  absl::Status first_error_;
};

}  // namespace maspo
