#include "cli/train/gpu_placement.h"

#include "absl/strings/str_cat.h"

namespace maspo {

GpuPlacement PlaceOnGpus(const std::string& device, int num_workers, int num_gpus) {
  if (device != "cuda") return {device, std::vector<std::string>(num_workers, device), device != "cpu"};
  GpuPlacement placement{.learner = "cuda:0", .workers = {}, .shares_a_gpu = num_gpus < 1 + num_workers};
  for (int i = 0; i < num_workers; ++i) {
    placement.workers.push_back(num_gpus > 1 ? absl::StrCat("cuda:", 1 + i % (num_gpus - 1)) : "cuda:0");
  }
  return placement;
}

}  // namespace maspo
