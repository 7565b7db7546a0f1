#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "learner/plan/memory_plan.h"
#include "model/model_config.h"
#include "proto/run_config.pb.h"

namespace maspo {

// What a run takes, by arithmetic, before any GPU is asked: memory of a learner's rank and of a worker by kind, the
// time of each phase of a step, and how many GPUs should train and how many generate. Estimates, not measurements.
// Pure. Configurations are resolved ones (ResolveDefaults); memory is in bytes, time in seconds.

// GPUs that are all the same, and what of their rates a good implementation reaches.
struct Hardware {
  int64_t gpus = 8;
  double gpu_memory = 80.0 * (int64_t{1} << 30);
  double usable_memory = 0.9;         // The rest goes to CUDA's libraries and fragmentation.
  double flops = 312e12;              // A second, of dense products in model.dtype.
  double efficiency = 0.45;           // What training reaches of them.
  double memory_bandwidth = 2.0e12;   // Bytes a second.
  double decoding_efficiency = 0.60;  // What decoding reaches of it.
  double network_bandwidth = 90e9;    // Bytes a second of one node, to and from others at once.

  double usable_bytes() const { return gpu_memory * usable_memory; }
};

// Lengths that a run has on average; the configuration has only limits.
struct Lengths {
  int64_t prompt = 200;
  int64_t response = 4000;
};

struct WorkerPlan {
  MemoryPlan memory;
  int64_t kv_bytes_of_token = 0;
  int64_t cache_tokens_that_fit = 0;  // The most that rollout.kv_cache_tokens could be.
  int64_t sequences = 0;              // Decoded at once, at mean lengths.
  double tokens_per_second = 0;
};
WorkerPlan PlanWorker(const ModelConfig& model, const v1::RunConfig& config, const Hardware& hardware,
                      const Lengths& lengths);

struct StepTime {
  double generate = 0;
  double old_logprobs = 0;  // With the reference's, where the objective has one.
  double update = 0;        // Arithmetic of all updates.
  double reduce = 0;        // Weights gathered and gradients reduced meanwhile; what is longer counts.
  double publish = 0;
  bool overlaps = false;  // Generation goes on during training: learner.max_staleness > 0.

  double learner() const;
  double total() const;
};
StepTime TimeOfStep(const ModelConfig& model, const v1::RunConfig& config, const Hardware& hardware,
                    const Lengths& lengths, int64_t ranks, int64_t workers);

struct Split {
  int64_t ranks = 0, workers = 0;
  StepTime time;
};

struct RunPlan {
  int64_t parameters = 0;
  int64_t ranks = 0, workers = 0;  // Of the configuration: learner.ranks, and rollout.workers or all other GPUs.
  MemoryPlan rank;
  WorkerPlan worker;
  StepTime time;
  Split best;                // Of hardware.gpus, the shortest step among those that fit; 0 ranks where none does.
  int64_t fewest_ranks = 0;  // That fit into memory; 0 where no number up to hardware.gpus does.
};
RunPlan PlanRun(const ModelConfig& model, const v1::RunConfig& config, const Hardware& hardware, const Lengths& lengths,
                LearnerKind kind = LearnerKind::kTrain);

// InvalidArgument: the run does not fit: what, by how much, and what to change.
absl::Status CheckFits(const RunPlan& plan, const v1::RunConfig& config, const Hardware& hardware);

// At a start, where memory is known: `ranks` of the learner's ranks share it. InvalidArgument: they need more. NaN is
// enough. `place`: "this machine", "GPU 3".
absl::Status CheckRanksFit(const MemoryPlan& rank, const v1::RunConfig& config, int64_t ranks, double memory,
                           const std::string& place);

}  // namespace maspo
