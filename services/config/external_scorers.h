#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/run_config.pb.h"

namespace maspo {

// One entry of reward.external_scorers: "aime=http://127.0.0.1:8000/score".
struct ExternalScorerAddress {
  enum class Scheme { kHttp, kHttps, kGrpc };

  std::string source;  // Of the problems that it judges.
  Scheme scheme = Scheme::kHttp;
  std::string endpoint;  // host:port
  std::string path;      // "/score"; empty for grpc.
};

// All of them. InvalidArgument: names the entry, and what is wrong: not SOURCE=URL, a source named twice, plaintext to
// another machine that the network section does not allow.
absl::StatusOr<std::vector<ExternalScorerAddress>> ExternalScorersOf(const v1::RunConfig& config);

}  // namespace maspo
