#pragma once

#include "proto/prompt.grpc.pb.h"
#include "services/base/metrics.h"
#include "services/prompts/prompt_source.h"
#include "services/runtime/served_calls.h"

namespace maspo {

// The gRPC end of a PromptSource. A lease that is granted while its caller goes away is given back at once.
//
// Thread-safe, one handler thread a call.
class PromptService final : public v1::PromptService::Service {
 public:
  // `source` and `metrics` outlive the service.
  PromptService(PromptSource* source, Metrics& metrics) : source_(source), calls_(metrics) {}

  grpc::Status Lease(grpc::ServerContext* context, const v1::LeaseRequest* request,
                     v1::LeaseResponse* response) override;
  grpc::Status Release(grpc::ServerContext* context, const v1::ReleaseRequest* request,
                       v1::ReleaseResponse* response) override;

 private:
  absl::Status Acquire(const grpc::ServerContext& context, const v1::LeaseRequest& request,
                       v1::LeaseResponse& response);

  PromptSource* const source_;
  ServedCalls calls_;
};

}  // namespace maspo
