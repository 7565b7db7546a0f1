#include "services/reward/reward_endpoint.h"

#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"

namespace maspo {

absl::StatusOr<std::vector<RewardEndpoint>> RewardEndpointsAt(const std::vector<std::string>& addresses,
                                                              const std::string& key,
                                                              const v1::NetworkSection& network) {
  if (addresses.empty()) return absl::InvalidArgumentError(key + " names no server");
  std::vector<RewardEndpoint> endpoints;
  for (const std::string& address : addresses) {
    MASPO_ASSIGN_OR_RETURN(auto channel, RpcChannel::Create({.peer = "the reward server",
                                                             .key = key,
                                                             .endpoint = address,
                                                             .network = network,
                                                             .in_turn = true}));  // A service of replicas.
    auto stub = v1::RewardService::NewStub(channel->channel());
    endpoints.push_back({std::move(channel), std::move(stub)});
  }
  return endpoints;
}

RetryPolicy WhatAnotherServerMayJudge() {
  RetryPolicy policy;
  policy.codes = {absl::StatusCode::kUnavailable, absl::StatusCode::kResourceExhausted,
                  absl::StatusCode::kDeadlineExceeded};
  policy.seed = std::random_device()();
  return policy;
}

absl::Status CheckFits(const v1::VerifyBatchRequest& request, const v1::VerifyBatchResponse& response,
                       const std::string& server) {
  if (request.items_size() != response.answers_size()) {
    return absl::InternalError(
        absl::StrCat(server, " answered ", response.answers_size(), " of ", request.items_size(), " items"));
  }
  for (int i = 0; i < request.items_size(); ++i) {
    if (request.items(i).id() == response.answers(i).id()) continue;
    return absl::InternalError(absl::StrCat(server, " answered item \"", response.answers(i).id(), "\" in place of \"",
                                            request.items(i).id(), "\""));
  }
  return absl::OkStatus();
}

}  // namespace maspo
