#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proto/prompt.grpc.pb.h"
#include "services/prompts/prompt_source.h"
#include "services/rpc/rpc_channel.h"

namespace maspo {

// The worker's PromptSource. A learner that does not answer looks like one without an admissible prompt: Acquire()
// tries on and returns nothing at its deadline; the channel logs the outage. Release() is tried for one call timeout,
// then Unavailable. Cancelled after the channel was closed.
//
// Thread-safe.
class PromptClient final : public PromptSource {
 public:
  // `learner` outlives the client.
  explicit PromptClient(RpcChannel* learner)
      : learner_(learner), stub_(v1::PromptService::NewStub(learner->channel())) {}

  absl::StatusOr<std::vector<v1::Lease>> Acquire(const std::string& worker_id, int max_groups,
                                                 absl::Time deadline) override;
  absl::Status Release(const v1::ReleaseRequest& release) override;

 private:
  RpcChannel* const learner_;
  const std::unique_ptr<v1::PromptService::Stub> stub_;
};

}  // namespace maspo
