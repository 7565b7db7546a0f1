#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "proto/reward.pb.h"
#include "reward_server/verification/answer_verifier.h"
#include "services/base/jsonl.h"

namespace maspo {

// A line that `maspo verify` reads.
struct VerifyLine {
  nlohmann::json id;  // As it was given: a string or an integer.
  v1::VerifyItem item;
  VerificationOptions options;
  bool has_options = false;
};

// The next line, checked; false at the end of the file.
absl::StatusOr<bool> ReadVerifyLine(JsonlReader& reader, VerifyLine& line);

// Counts the lines and finds bad ones before any work is done. InvalidArgument: also for options on a line when the
// answers are verified elsewhere.
absl::StatusOr<int64_t> CheckVerifyInput(const std::string& path, bool may_have_options);

// The line to write, in JSON.
std::string VerifyResultLine(const nlohmann::json& id, const v1::VerifiedAnswer& answer);

}  // namespace maspo
