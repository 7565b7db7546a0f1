#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/reward.grpc.pb.h"
#include "proto/run_config.pb.h"
#include "services/base/retry.h"
#include "services/rpc/rpc_channel.h"

namespace maspo {

// A client's way to one reward server.
struct RewardEndpoint {
  std::unique_ptr<RpcChannel> channel;
  std::unique_ptr<v1::RewardService::Stub> stub;
};

// Connects on the first call. `key` is what named the addresses, for messages. InvalidArgument: there is none, or one
// cannot be used.
absl::StatusOr<std::vector<RewardEndpoint>> RewardEndpointsAt(const std::vector<std::string>& addresses,
                                                              const std::string& key,
                                                              const v1::NetworkSection& network);

// Which failures of a server another one, or the same one later, may make good: it is away or stops, it is busy, it is
// late.
RetryPolicy WhatAnotherServerMayJudge();

// Internal: the server answered other items than it was asked.
absl::Status CheckFits(const v1::VerifyBatchRequest& request, const v1::VerifyBatchResponse& response,
                       const std::string& server);

}  // namespace maspo
