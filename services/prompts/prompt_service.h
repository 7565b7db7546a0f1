#pragma once

#include "proto/prompt.grpc.pb.h"
#include "services/base/metrics.h"
#include "services/prompts/parking_prompt_source.h"
#include "services/rpc/served_calls.h"

namespace maspo {

// The gRPC end of a ParkingPromptSource. Leases that are granted while their caller goes away are taken back at once.
//
// Thread-safe. Lease() parks its call, the others have a handler thread each.
class PromptService final : public v1::PromptService::WithCallbackMethod_Lease<v1::PromptService::Service> {
 public:
  // `source` and `metrics` outlive the service.
  PromptService(ParkingPromptSource* source, Metrics& metrics) : source_(source), calls_(metrics) {}

  grpc::ServerUnaryReactor* Lease(grpc::CallbackServerContext* context, const v1::LeaseRequest* request,
                                  v1::LeaseResponse* response) override;
  grpc::Status Release(grpc::ServerContext* context, const v1::ReleaseRequest* request,
                       v1::ReleaseResponse* response) override;

 private:
  ParkingPromptSource* const source_;
  ServedCalls calls_;
};

}  // namespace maspo
