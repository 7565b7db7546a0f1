#pragma once

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "proto/reward.pb.h"

namespace maspo {

// "correct" for VERDICT_CORRECT, and so on: how verdicts are written in files, metrics and logs.
inline std::string VerdictName(v1::Verdict verdict) {
  const std::string& name = v1::Verdict_Name(verdict);
  constexpr size_t kPrefix = sizeof("VERDICT_") - 1;
  return absl::AsciiStrToLower(name.substr(std::min(kPrefix, name.size())));
}

}  // namespace maspo
