#pragma once

#include <chrono>
#include <cstdint>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

// The seam between the programs, which link the CPU part of LibTorch alone, and libmaspo_cuda.so, which links its CUDA
// part and NCCL and is opened at run time. Both sides are compiled from one tree; kCudaLibraryVersion catches a stale
// one.
namespace maspo {

inline constexpr int kCudaLibraryVersion = 1;
inline constexpr char kCudaLibraryEntry[] = "maspo_cuda_library";

struct CudaLibrary {
  int version;  // First, so that a stale library is recognised whatever follows.

  int (*num_devices)();

  // A NCCL process group on one GPU. Throws c10::Error, as the Gloo backend's constructor does.
  c10::intrusive_ptr<c10d::Backend> (*make_nccl_backend)(const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                                         int size, std::chrono::milliseconds timeout, int device_index);
};

// What the library exports under kCudaLibraryEntry.
using CudaLibraryEntry = const CudaLibrary*();

}  // namespace maspo
