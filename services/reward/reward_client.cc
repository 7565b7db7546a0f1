#include "services/reward/reward_client.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

constexpr absl::Duration kPause = absl::Seconds(1);  // Of a server that failed, while others answer.

RetryPolicy WhatAnotherServerMayAnswer() {
  RetryPolicy policy;
  policy.codes = {absl::StatusCode::kUnavailable, absl::StatusCode::kResourceExhausted,
                  absl::StatusCode::kDeadlineExceeded};
  policy.max_backoff = absl::Seconds(1);
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

}  // namespace

absl::StatusOr<std::unique_ptr<RewardClient>> RewardClient::Create(const Options& options) {
  if (options.endpoints.empty()) return absl::InvalidArgumentError("network.reward_servers names no server");
  if (options.max_batch_items == 0) return absl::InvalidArgumentError("reward.max_batch_items must be at least 1");
  std::vector<Endpoint> endpoints;
  for (const std::string& address : options.endpoints) {
    MASPO_ASSIGN_OR_RETURN(auto channel, RpcChannel::Create({.peer = "the reward server",
                                                             .key = "network.reward_servers",
                                                             .endpoint = address,
                                                             .network = options.network,
                                                             .in_turn = true}));  // A service of replicas.
    auto stub = v1::RewardService::NewStub(channel->channel());
    endpoints.push_back({std::move(channel), std::move(stub)});
  }
  return std::unique_ptr<RewardClient>(new RewardClient(std::move(endpoints), options.max_batch_items));
}

RewardClient::RewardClient(std::vector<Endpoint> endpoints, uint32_t max_batch_items)
    : endpoints_(std::move(endpoints)),
      max_batch_items_(max_batch_items),
      retry_(WhatAnotherServerMayAnswer()),
      rotation_(endpoints_.size()) {}

absl::StatusOr<std::vector<v1::VerifiedAnswer>> RewardClient::Score(const std::vector<v1::VerifyItem>& items,
                                                                    absl::Time deadline) {
  std::vector<v1::VerifiedAnswer> answers;
  answers.reserve(items.size());
  for (size_t begin = 0; begin < items.size(); begin += max_batch_items_) {
    const size_t end = std::min(items.size(), begin + max_batch_items_);
    v1::VerifyBatchRequest request;
    for (size_t i = begin; i < end; ++i) *request.add_items() = items[i];
    v1::VerifyBatchResponse response;
    MASPO_RETURN_IF_ERROR(VerifyBatch(request, deadline, response));
    for (v1::VerifiedAnswer& answer : *response.mutable_answers()) answers.push_back(std::move(answer));
  }
  return answers;
}

void RewardClient::Close() {
  closed_.RequestStop();
  for (const Endpoint& endpoint : endpoints_) endpoint.channel->Close();
}

// One round tries every server that is not paused; rounds are repeated with backoff.
absl::Status RewardClient::VerifyBatch(const v1::VerifyBatchRequest& request, absl::Time deadline,
                                       v1::VerifyBatchResponse& response) {
  return CallWithRetry(retry_, deadline, closed_, [&] {
    absl::Status status;
    for (size_t tries = 0; tries < endpoints_.size(); ++tries) {
      status = VerifyOnNextEndpoint(request, deadline, response);
      if (status.ok() || !retry_.Retries(status.code()) || absl::Now() >= deadline) return status;
    }
    return status;
  });
}

absl::Status RewardClient::VerifyOnNextEndpoint(const v1::VerifyBatchRequest& request, absl::Time deadline,
                                                v1::VerifyBatchResponse& response) {
  size_t index = 0;
  {
    absl::MutexLock lock(&mutex_);
    index = rotation_.Next(absl::Now());
  }
  const Endpoint& endpoint = endpoints_[index];
  MASPO_RETURN_IF_ERROR(CheckMessageSize(*endpoint.channel, request.ByteSizeLong()));
  response.Clear();
  const absl::Status status = endpoint.channel->CallOnce(
      deadline, [&](grpc::ClientContext& context) { return endpoint.stub->VerifyBatch(&context, request, &response); });
  {
    absl::MutexLock lock(&mutex_);
    if (retry_.Retries(status.code())) {
      rotation_.Pause(index, absl::Now() + kPause);
    } else {
      rotation_.Resume(index);
    }
  }
  MASPO_RETURN_IF_ERROR(status);
  return CheckFits(request, response, endpoint.channel->name());
}

}  // namespace maspo
