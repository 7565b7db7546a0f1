#include "services/reward/reward_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"

namespace maspo {
namespace {

RetryPolicy InRounds(int attempts) {
  RetryPolicy policy = WhatAnotherServerMayJudge();
  policy.max_backoff = absl::Seconds(1);
  policy.max_attempts = attempts;
  return policy;
}

EndpointRotation::Outcome OutcomeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return EndpointRotation::Outcome::kFailed;
    case absl::StatusCode::kResourceExhausted:
      return EndpointRotation::Outcome::kBusy;
    default:
      return EndpointRotation::Outcome::kAnswered;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<RewardClient>> RewardClient::Create(const Options& options) {
  if (options.max_batch_items == 0) return absl::InvalidArgumentError("reward.max_batch_items must be at least 1");
  MASPO_ASSIGN_OR_RETURN(std::vector<RewardEndpoint> endpoints,
                         RewardEndpointsAt(options.endpoints, options.key, options.network));
  return std::unique_ptr<RewardClient>(new RewardClient(std::move(endpoints), options));
}

RewardClient::RewardClient(std::vector<RewardEndpoint> endpoints, const Options& options)
    : endpoints_(std::move(endpoints)),
      max_batch_items_(options.max_batch_items),
      retry_(InRounds(options.attempts)),
      on_outcome_(options.on_outcome),
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
  for (const RewardEndpoint& endpoint : endpoints_) endpoint.channel->Close();
}

// One round asks as many times as there are servers; rounds are repeated with backoff.
absl::Status RewardClient::VerifyBatch(const v1::VerifyBatchRequest& request, absl::Time deadline,
                                       v1::VerifyBatchResponse& response) {
  // All channels have the same limit.
  MASPO_RETURN_IF_ERROR(CheckMessageSize(*endpoints_[0].channel, request.ByteSizeLong()));
  return CallWithRetry(retry_, deadline, closed_, [&] {
    absl::Status status;
    for (size_t tries = 0; tries < endpoints_.size(); ++tries) {
      status = VerifyOnNextEndpoint(request, deadline, response);
      if (status.ok() || !retry_.Retries(status.code()) || SteadyNow() >= deadline) return status;
    }
    return status;
  });
}

absl::Status RewardClient::VerifyOnNextEndpoint(const v1::VerifyBatchRequest& request, absl::Time deadline,
                                                v1::VerifyBatchResponse& response) {
  size_t index = 0;
  {
    absl::MutexLock lock(&mutex_);
    index = rotation_.Begin(SteadyNow());
  }
  const RewardEndpoint& endpoint = endpoints_[index];
  response.Clear();
  const absl::Status status = endpoint.channel->CallOnce(
      deadline, [&](grpc::ClientContext& context) { return endpoint.stub->VerifyBatch(&context, request, &response); });
  {
    absl::MutexLock lock(&mutex_);
    rotation_.End(index, OutcomeOf(status), SteadyNow());
  }
  on_outcome_(status);
  MASPO_RETURN_IF_ERROR(status);
  return CheckFits(request, response, endpoint.channel->name());
}

}  // namespace maspo
