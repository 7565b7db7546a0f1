#include "services/prompts/prompt_client.h"

#include <algorithm>
#include <utility>

#include "services/base/steady_clock.h"

namespace maspo {

absl::StatusOr<std::vector<v1::Lease>> PromptClient::Acquire(const std::string& worker_id, int max_groups,
                                                             absl::Time deadline) {
  v1::LeaseRequest request;
  request.set_worker_id(worker_id);
  request.set_max_groups(static_cast<uint32_t>(std::max(max_groups, 0)));
  v1::LeaseResponse response;
  const absl::Status status = LongPoll(*learner_, deadline, *stub_, &v1::PromptService::Stub::Lease, request, response,
                                       [](const v1::LeaseResponse& answer) { return answer.leases().empty(); });
  if (!status.ok()) return status;
  std::vector<v1::Lease> leases;
  for (v1::Lease& lease : *response.mutable_leases()) leases.push_back(std::move(lease));
  return leases;
}

absl::Status PromptClient::Release(const v1::ReleaseRequest& release) {
  v1::ReleaseResponse response;
  return Unary(*learner_, SteadyNow() + learner_->call_timeout(), *stub_, &v1::PromptService::Stub::Release, release,
               response);
}

}  // namespace maspo
