#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "proto/prompt.pb.h"
#include "rollout_worker/engine/rollout_engine.h"

namespace maspo {

// A leased group and all of its responses, in order of sample_index.
struct GeneratedGroup {
  std::string worker_id;  // The registration under which it was leased.
  v1::PromptGroup prompt;
  std::vector<GeneratedResponse> responses;
  absl::Duration generate_time;
  absl::Duration prefill_time;  // Of it, until a response had its first token.
};

// Collects the responses of the groups in flight, which finish in any order. Pure: time is an argument.
// Not thread-safe.
class GroupAssembler {
 public:
  void Begin(v1::PromptGroup prompt, absl::Time now);

  // The group that this response completes. A response of a group that is not in flight (any more) is ignored.
  std::optional<GeneratedGroup> Add(GeneratedResponse response, absl::Time now);

  // Ids of the groups in flight, all of which are forgotten.
  std::vector<std::string> Clear();

  int num_groups() const { return static_cast<int>(groups_.size()); }

 private:
  struct Partial {
    v1::PromptGroup prompt;
    std::map<uint32_t, GeneratedResponse> responses;  // By sample_index.
    absl::Time start;
  };
  std::map<std::string, Partial> groups_;  // By group id.
};

}  // namespace maspo
