#pragma once

#include <vector>

#include "collective/cuda_library.h"
#include "model/torch.h"
#include "services/base/scrape_sources.h"

namespace maspo {

// What is used of one GPU, with the label gpu="INDEX":
//
//   maspo_gpu_memory_allocated_bytes  maspo_gpu_memory_reserved_bytes     by this process
//   maspo_gpu_memory_peak_bytes                                           the most that was allocated
//   maspo_gpu_memory_used_bytes       maspo_gpu_memory_total_bytes        by everybody
//   maspo_gpu_utilization_ratio  maspo_gpu_power_watts  maspo_gpu_temperature_celsius  maspo_gpu_sm_clock_hertz
//
// A value that the driver does not tell is left out.
std::vector<MetricSample> GpuSamples(const GpuUse& use, int gpu);

// The samples of the device, a loaded one; none of the cpu. Thread-safe.
std::vector<MetricSample> GpuSamples(torch::Device device);

}  // namespace maspo
