#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "collective/cuda_library.h"
#include "model/torch.h"

namespace maspo {

// Makes the device "cpu", "cuda" (GPU 0) or "cuda:N" usable, before anything else in the process asks LibTorch about
// CUDA (it remembers the first answer). For cpu nothing happens. For cuda, libmaspo_cuda.so and with it LibTorch's CUDA
// part are opened, once, from the lib folder beside the program's own.
//
// InvalidArgument: another name. FailedPrecondition: no driver, no library or no GPU of that index; the message says
// which and what to do. Thread-safe.
absl::StatusOr<torch::Device> LoadDevice(const std::string& name);

// Whether GPUs multiply float32 matrices by tensor cores, which round their inputs to TF32's 10 bits of mantissa. Of
// the whole process; off until then.
void AllowTf32(bool allow);

// The functions of the opened library; null unless LoadDevice() succeeded for a cuda device.
const CudaLibrary* LoadedCudaLibrary();

}  // namespace maspo
