#include "services/reward/reward_service.h"

#include <spdlog/spdlog.h>

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/rpc/call_deadline.h"

namespace maspo {

RewardService::RewardService(AnswerScorer* scorer, const Options& options, Metrics& metrics)
    : scorer_(scorer), options_(options), calls_(metrics) {}

grpc::Status RewardService::VerifyBatch(grpc::ServerContext* context, const v1::VerifyBatchRequest* request,
                                        v1::VerifyBatchResponse* response) {
  return calls_.Answer("VerifyBatch", [&] { return Verify(*request, AnswerBy(context->deadline()), *response); });
}

grpc::Status RewardService::VerifyStream(
    grpc::ServerContext* context, grpc::ServerReaderWriter<v1::VerifyBatchResponse, v1::VerifyBatchRequest>* stream) {
  return calls_.Answer("VerifyStream", [&] {
    v1::VerifyBatchRequest request;
    while (stream->Read(&request)) {
      v1::VerifyBatchResponse response;
      MASPO_RETURN_IF_ERROR(Verify(request, AnswerBy(context->deadline()), response));
      if (!stream->Write(response)) return absl::CancelledError("the caller left the stream");
    }
    return absl::OkStatus();
  });
}

absl::Status RewardService::Verify(const v1::VerifyBatchRequest& request, absl::Time deadline,
                                   v1::VerifyBatchResponse& response) {
  if (request.items_size() > static_cast<int64_t>(options_.max_batch_items)) {
    return absl::InvalidArgumentError(absl::StrCat("a batch of ", request.items_size(), " items exceeds the limit of ",
                                                   options_.max_batch_items, "; send smaller batches"));
  }
  const std::vector<v1::VerifyItem> items(request.items().begin(), request.items().end());
  MASPO_ASSIGN_OR_RETURN(std::vector<v1::VerifiedAnswer> answers, scorer_->Score(items, deadline));
  if (!items.empty()) {
    const std::string& id = items.front().id();  // "GROUP/SAMPLE" from workers.
    const LogGroup about(std::string_view(id).substr(0, id.find('/')));
    spdlog::debug("{} responses verified, the first of them {}", items.size(), id);
  }
  for (v1::VerifiedAnswer& answer : answers) *response.add_answers() = std::move(answer);
  return absl::OkStatus();
}

}  // namespace maspo
