#include "cli/verify/reward_streams.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"
#include "services/base/worker_thread.h"
#include "services/rpc/grpc_status.h"

namespace maspo {
namespace {

constexpr int kPatience = 4;  // Times call_timeout.
constexpr size_t kWindowPerStream = 2;

}  // namespace

absl::StatusOr<std::unique_ptr<RewardStreams>> RewardStreams::Create(const Options& options) {
  MASPO_ASSIGN_OR_RETURN(std::vector<RewardEndpoint> endpoints,
                         RewardEndpointsAt(options.endpoints, options.key, options.network));
  return std::unique_ptr<RewardStreams>(new RewardStreams(std::move(endpoints), options));
}

RewardStreams::RewardStreams(std::vector<RewardEndpoint> endpoints, const Options& options)
    : endpoints_(std::move(endpoints)),
      streams_per_endpoint_(options.streams_per_endpoint),
      call_timeout_(absl::Seconds(options.network.call_timeout_seconds())),
      retry_(WhatAnotherServerMayJudge()),
      window_(kWindowPerStream * endpoints_.size() * static_cast<size_t>(options.streams_per_endpoint)) {}

absl::Status RewardStreams::Run(Source next, Sink take) {
  std::vector<std::unique_ptr<WorkerThread>> threads;
  for (RewardEndpoint& endpoint : endpoints_) {
    for (int i = 0; i < streams_per_endpoint_; ++i) {
      threads.push_back(std::make_unique<WorkerThread>("reward-stream", [&] { return ServeStreams(endpoint); }));
    }
  }
  const absl::Status status = ReadAndWrite(next, take);
  window_.Fail(absl::CancelledError("the work is over"));
  over_.RequestStop();
  for (RewardEndpoint& endpoint : endpoints_) endpoint.channel->Close();
  for (const auto& thread : threads) thread->Join().IgnoreError();  // Its failure came through the window.
  return status;
}

absl::Status RewardStreams::ReadAndWrite(Source next, Sink take) {
  bool more = true;
  while (true) {
    while (more && window_.HasRoom()) {
      v1::VerifyBatchRequest request;
      MASPO_ASSIGN_OR_RETURN(more, next(request));
      if (!more) {
        window_.Complete();
      } else {
        MASPO_RETURN_IF_ERROR(CheckMessageSize(*endpoints_[0].channel, request.ByteSizeLong()));
        window_.Add(std::move(request));
      }
    }
    MASPO_ASSIGN_OR_RETURN(const std::optional<BatchWindow::Batch> batch,
                           window_.Next(SteadyNow() + kPatience * call_timeout_));
    if (!batch) return absl::OkStatus();
    MASPO_RETURN_IF_ERROR(take(batch->response));
  }
}

// Consumes open batches, produces judged ones; waits for the window and after a failure; unblocked by Fail() and over_.
absl::Status RewardStreams::ServeStreams(RewardEndpoint& endpoint) {
  int failures = 0;  // In a row.
  while (std::optional<BatchWindow::Batch> batch = window_.Take()) {
    const uint64_t first = batch->number;
    const absl::Status status = ServeStream(endpoint, batch);
    const bool judged_any = !batch || batch->number != first;
    if (judged_any) failures = 0;
    if (status.ok()) continue;
    if (batch) window_.GiveBack(*std::move(batch), status);
    if (!retry_.Retries(status.code())) {
      window_.Fail(Annotate(status, endpoint.channel->name()));
      return status;
    }
    over_.WaitFor(retry_.Backoff(++failures));
  }
  return absl::OkStatus();
}

// Has `batch` and what is open then judged over one stream; what it leaves in `batch` is not judged.
absl::Status RewardStreams::ServeStream(RewardEndpoint& endpoint, std::optional<BatchWindow::Batch>& batch) {
  return endpoint.channel->CallOnce(absl::InfiniteFuture(), [&](grpc::ClientContext& context) {
    const absl::Time renewal = SteadyNow() + call_timeout_ / 2;
    const auto stream = endpoint.stub->VerifyStream(&context);
    while (batch) {
      if (!stream->Write(batch->request) || !stream->Read(&batch->response)) {
        const grpc::Status status = stream->Finish();
        return status.ok() ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "the stream ended early") : status;
      }
      const absl::Status fits = CheckFits(batch->request, batch->response, endpoint.channel->name());
      if (!fits.ok()) {
        context.TryCancel();
        stream->Finish();
        return ToGrpc(fits);
      }
      window_.Finish(*std::move(batch));
      batch.reset();
      if (SteadyNow() < renewal) batch = window_.TakeIfOpen();
    }
    stream->WritesDone();
    return stream->Finish();
  });
}

}  // namespace maspo
