#pragma once

#include "absl/status/status.h"
#include "collective/cuda_library.h"
#include "model/torch.h"

namespace maspo {

// Makes `device` usable, before anything else in the process asks LibTorch about CUDA (it remembers the first answer).
// For cpu nothing happens. For cuda, libmaspo_cuda.so and with it LibTorch's CUDA part are opened, once, from the lib
// folder beside the program's own.
//
// FailedPrecondition: no driver, no library or no GPU of that index; the message says which and what to do.
// Thread-safe.
absl::Status LoadDevice(torch::Device device);

// The functions of the opened library; null unless LoadDevice() succeeded for a cuda device.
const CudaLibrary* LoadedCudaLibrary();

}  // namespace maspo
