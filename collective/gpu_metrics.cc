#include "collective/gpu_metrics.h"

#include <cmath>
#include <string>

#include "collective/device.h"
#include "services/base/status_macros.h"

namespace maspo {

std::vector<MetricSample> GpuSamples(const GpuUse& use, int gpu) {
  const std::map<std::string, std::string> labels = {{"gpu", std::to_string(gpu)}};
  std::vector<MetricSample> samples;
  const auto add = [&](const char* name, const char* help, double value) {
    if (!std::isnan(value)) samples.push_back({MetricSample::Kind::kGauge, name, help, value, labels});
  };
  add("maspo_gpu_memory_allocated_bytes", "GPU memory of this process that holds tensors", use.allocated_bytes);
  add("maspo_gpu_memory_peak_bytes", "The most that maspo_gpu_memory_allocated_bytes has been",
      use.peak_allocated_bytes);
  add("maspo_gpu_memory_reserved_bytes", "GPU memory of this process, with what LibTorch keeps for later tensors",
      use.reserved_bytes);
  add("maspo_gpu_memory_used_bytes", "GPU memory that all processes use", use.used_bytes);
  add("maspo_gpu_memory_total_bytes", "Memory of the GPU", use.total_bytes);
  add("maspo_gpu_utilization_ratio", "Share of the driver's last sampling period in which a kernel ran",
      use.utilization);
  add("maspo_gpu_power_watts", "Power that the GPU draws", use.watts);
  add("maspo_gpu_temperature_celsius", "Temperature of the GPU", use.celsius);
  add("maspo_gpu_sm_clock_hertz", "Clock of the multiprocessors: low under load means throttling", use.sm_hertz);
  return samples;
}

std::vector<MetricSample> GpuSamples(torch::Device device) {
  if (device.is_cpu()) return {};
  const CudaLibrary* cuda = LoadedCudaLibrary();
  MASPO_CHECK(cuda != nullptr);
  const int gpu = device.has_index() ? device.index() : 0;
  return GpuSamples(cuda->gpu_use(gpu), gpu);
}

}  // namespace maspo
