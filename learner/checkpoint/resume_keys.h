#pragma once

#include <map>
#include <string>
#include <vector>

#include "proto/run_config.pb.h"

namespace maspo {

// What --resume does with a key that has another value than the run began with.
//
//   kFree      takes the new value for the steps that follow
//   kHandled   likewise; something that was counted by the old value is counted anew from here
//   kKept      refuses it
//   kCompared  the value may change, what it names may not: digests are compared (RunOrigin)
enum class ResumeRule { kFree, kHandled, kKept, kCompared };

struct ResumeKey {
  std::string key;  // "run.seed"
  ResumeRule rule;
  std::string why;  // Empty for most free ones.
};

// Every key of the configuration, in its order; a test compares them, and docs/runbook.md's table with those that are
// not free.
const std::vector<ResumeKey>& ResumeKeys();

// The values of the keys that are kept, as text.
std::map<std::string, std::string> KeptSettings(const v1::RunConfig& config);

}  // namespace maspo
