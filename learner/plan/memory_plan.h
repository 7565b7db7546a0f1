#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/model_config.h"
#include "proto/run_config.pb.h"

namespace maspo {

// What a learner's rank holds, by arithmetic: what it always holds, and what it holds besides in the phase of a
// micro-batch in which that is most. Bytes; on a CPU those of the process. Pure.
struct MemoryItem {
  std::string kind;  // "master weights", "gradients", ...
  double bytes = 0;
};

struct MemoryPlan {
  std::vector<MemoryItem> items;
  std::string peak;  // The phase that the peak is reached in; empty where there are none.

  double total() const;
  double BytesOf(const std::string& kind) const;  // 0 where there is no such item.
};

// Whose learner: that of `maspo train`, which keeps a step to go back to and versions to publish, or of `maspo learn`.
enum class LearnerKind { kTrain, kLearn };

// Of one rank, with responses as long as they may get. One that is longer than learner.micro_batch_tokens goes alone.
// The configuration is a resolved one (ResolveDefaults).
MemoryPlan RankMemory(const ModelConfig& model, const v1::RunConfig& config, int64_t ranks,
                      LearnerKind kind = LearnerKind::kTrain);

// Blocks that keep their graphs between forward and backward.
int64_t KeptGraphs(const ModelConfig& model, const v1::RunConfig& config, int64_t ranks);

// Bytes a token that live at once while one block is computed again and its gradient taken, beside its kept input.
double BlockPeakBytes(const ModelConfig& model, const v1::ModelSection& section);

double BytesOf(v1::Dtype dtype);

}  // namespace maspo
