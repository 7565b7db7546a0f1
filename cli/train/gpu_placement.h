#pragma once

#include <string>
#include <vector>

namespace maspo {

// Which device each process of a run on one machine gets, as model.device names it.
struct GpuPlacement {
  std::string learner;
  std::vector<std::string> workers;
  bool shares_a_gpu = false;  // Two processes have the same one: NCCL, which refuses that, cannot carry the weights.
};

// "cpu" and "cuda:N" are everybody's. "cuda": the learner's ranks get the first GPUs, one each from GPU 0 on, and the
// workers take turns on the others, or share the last one with the learner where all are its. Pure; num_gpus counts for
// cuda alone.
GpuPlacement PlaceOnGpus(const std::string& device, int num_workers, int num_gpus, int num_ranks = 1);

}  // namespace maspo
