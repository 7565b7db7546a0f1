// libmaspo_cuda.so: all that needs the CUDA part of LibTorch, opened by collective/device.cc on the first `device:
// cuda`.
#include "collective/cuda_library.h"

#include <c10/cuda/CUDAFunctions.h>

#include <cstdlib>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

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
    return maspo::CudaLibrary{maspo::kCudaLibraryVersion, maspo::NumDevices, maspo::MakeNcclBackend};
  }();
  return &library;
}
