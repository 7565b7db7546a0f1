#include "cli/train/gpu_placement.h"

#include "absl/strings/str_cat.h"

namespace maspo {

GpuPlacement PlaceOnGpus(const std::string& device, int num_workers, int num_gpus, int num_ranks) {
  if (device != "cuda") return {device, std::vector<std::string>(num_workers, device), device != "cpu"};
  GpuPlacement placement{.learner = "cuda:0", .workers = {}, .shares_a_gpu = num_gpus < num_ranks + num_workers};
  const int others = num_gpus - num_ranks;
  for (int i = 0; i < num_workers; ++i) {
    placement.workers.push_back(absl::StrCat("cuda:", others > 0 ? num_ranks + i % others : num_gpus - 1));
  }
  return placement;
}

}  // namespace maspo
