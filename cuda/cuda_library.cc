// libmaspo_cuda.so: all that needs the CUDA part of LibTorch, opened by collective/device.cc on the first `device:
// cuda`.
#include "collective/cuda_library.h"

#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <cuda_runtime.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "cuda/nvml.h"

namespace maspo {
namespace {

int NumDevices() { return c10::cuda::device_count(); }  // 0 instead of an error when the driver cannot be used.

c10::intrusive_ptr<c10d::Backend> MakeNcclBackend(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size,
                                                  std::chrono::milliseconds timeout, int device_index) {
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = timeout;
  auto backend = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, size, options);
  backend->setBoundDeviceId(at::Device(at::kCUDA, static_cast<at::DeviceIndex>(device_index)));
  return backend;
}

const Nvml& NvmlOf(int device_index) {
  static std::mutex mutex;
  static std::map<int, Nvml> of_device;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = of_device.find(device_index);
  if (found != of_device.end()) return found->second;
  char pci_bus_id[32] = "";
  cudaDeviceGetPCIBusId(pci_bus_id, sizeof(pci_bus_id), device_index);
  return of_device.emplace(device_index, pci_bus_id).first->second;
}

GpuUse UseOf(int device_index) {
  GpuUse use{};
  namespace allocator = c10::cuda::CUDACachingAllocator;
  if (allocator::get()->initialized()) {
    const auto stats = allocator::getDeviceStats(static_cast<c10::DeviceIndex>(device_index));
    use.allocated_bytes = static_cast<double>(stats.allocated_bytes[0].current);
    use.peak_allocated_bytes = static_cast<double>(stats.allocated_bytes[0].peak);
    use.reserved_bytes = static_cast<double>(stats.reserved_bytes[0].current);
  }
  NvmlOf(device_index).Read(use);
  return use;
}

// Waiting for a collective throws at its deadline, as Gloo's does. The default would be to end the process from a
// watchdog thread, and a dead worker would take the learner with it. A value set by the user stays.
void PreferErrorsToAborts() {
  setenv("TORCH_NCCL_BLOCKING_WAIT", "1", /*overwrite=*/0);
  setenv("TORCH_NCCL_ASYNC_ERROR_HANDLING", "0", /*overwrite=*/0);
}

}  // namespace
}  // namespace maspo

extern "C" __attribute__((visibility("default"))) const maspo::CudaLibrary* maspo_cuda_library() {
  static const maspo::CudaLibrary library = [] {
    maspo::PreferErrorsToAborts();
    return maspo::CudaLibrary{maspo::kCudaLibraryVersion, maspo::NumDevices, maspo::MakeNcclBackend, maspo::UseOf};
  }();
  return &library;
}
