#include "cuda/nvml.h"

#include <dlfcn.h>

#include <limits>

namespace maspo {
namespace {

// Of nvml.h, whose binary interface is kept from release to release; the driver's packages rarely bring the header.
constexpr int kSuccess = 0;
constexpr int kTemperatureOfGpu = 0;
constexpr int kClockOfSm = 1;
struct Utilization {
  unsigned int gpu, memory;  // Percent.
};
struct Memory {
  unsigned long long total, free, used;  // Bytes.
};

template <typename... Arguments>
bool Call(void* library, const char* function, Arguments... arguments) {
  auto* entry = reinterpret_cast<int (*)(Arguments...)>(dlsym(library, function));
  return entry != nullptr && entry(arguments...) == kSuccess;
}

}  // namespace

Nvml::Nvml(const std::string& pci_bus_id) : library_(dlopen("libnvidia-ml.so.1", RTLD_NOW)) {
  if (library_ == nullptr || !Call(library_, "nvmlInit_v2")) return;
  if (!Call(library_, "nvmlDeviceGetHandleByPciBusId_v2", pci_bus_id.c_str(), &gpu_)) gpu_ = nullptr;
}

void Nvml::Read(GpuUse& use) const {
  use.used_bytes = use.total_bytes = use.utilization = use.watts = use.celsius = use.sm_hertz =
      std::numeric_limits<double>::quiet_NaN();
  if (gpu_ == nullptr) return;
  Memory memory{};
  Utilization utilization{};
  unsigned int value = 0;
  if (Call(library_, "nvmlDeviceGetMemoryInfo", gpu_, &memory)) {
    use.used_bytes = static_cast<double>(memory.used);
    use.total_bytes = static_cast<double>(memory.total);
  }
  if (Call(library_, "nvmlDeviceGetUtilizationRates", gpu_, &utilization)) use.utilization = utilization.gpu / 100.0;
  if (Call(library_, "nvmlDeviceGetPowerUsage", gpu_, &value)) use.watts = value / 1e3;
  if (Call(library_, "nvmlDeviceGetTemperature", gpu_, kTemperatureOfGpu, &value)) use.celsius = value;
  if (Call(library_, "nvmlDeviceGetClockInfo", gpu_, kClockOfSm, &value)) use.sm_hertz = value * 1e6;
}

}  // namespace maspo
