#pragma once

#include <string>

#include "collective/cuda_library.h"

namespace maspo {

// What NVML, a part of the driver, tells of one GPU; all NaN where there is no NVML. Thread-safe.
class Nvml {
 public:
  // `pci_bus_id` as CUDA gives it: the numbers of CUDA and NVML differ under CUDA_VISIBLE_DEVICES.
  explicit Nvml(const std::string& pci_bus_id);

  // All of it but what is of this process.
  void Read(GpuUse& use) const;

 private:
  void* library_ = nullptr;
  void* gpu_ = nullptr;  // nvmlDevice_t; null: unknown.
};

}  // namespace maspo
