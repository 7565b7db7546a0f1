#include "services/prompts/prompt_service.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "services/base/status_macros.h"
#include "services/runtime/call_deadline.h"

namespace maspo {

grpc::Status PromptService::Lease(grpc::ServerContext* context, const v1::LeaseRequest* request,
                                  v1::LeaseResponse* response) {
  return calls_.Answer("Lease", [&] { return Acquire(*context, *request, *response); });
}

grpc::Status PromptService::Release(grpc::ServerContext*, const v1::ReleaseRequest* request, v1::ReleaseResponse*) {
  return calls_.Answer("Release", [&] {
    return source_->Release(request->worker_id(), request->group_id(), request->reason(), request->message());
  });
}

absl::Status PromptService::Acquire(const grpc::ServerContext& context, const v1::LeaseRequest& request,
                                    v1::LeaseResponse& response) {
  const int max_groups = static_cast<int>(std::min<uint32_t>(request.max_groups(), std::numeric_limits<int>::max()));
  MASPO_ASSIGN_OR_RETURN(
      std::vector<v1::Lease> leases,
      WaitWhileCallerListens(
          context, [&](absl::Time deadline) { return source_->Acquire(request.worker_id(), max_groups, deadline); },
          [](const std::vector<v1::Lease>& granted) { return granted.empty(); }));
  if (!context.IsCancelled()) {
    for (v1::Lease& lease : leases) *response.add_leases() = std::move(lease);
    return absl::OkStatus();
  }
  for (const v1::Lease& lease : leases) {
    MASPO_RETURN_IF_ERROR(source_->Release(request.worker_id(), lease.group().group_id(), "undelivered",
                                           "the worker was gone when its lease was granted"));
  }
  return absl::CancelledError("the caller is gone");
}

}  // namespace maspo
