#pragma once

#include <chrono>
#include <cstdint>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

// The seam between the programs, which link the CPU part of LibTorch alone, and libmaspo_cuda.so, which links its CUDA
// part and NCCL and is opened at run time. Both sides are compiled from one tree; kCudaLibraryVersion catches a stale
// one.
namespace maspo {

inline constexpr int kCudaLibraryVersion = 2;
inline constexpr char kCudaLibraryEntry[] = "maspo_cuda_library";

// What is used of one GPU. NaN: the driver does not tell.
struct GpuUse {
  double allocated_bytes, reserved_bytes;  // By this process: for tensors, and with what LibTorch keeps for later ones.
  double peak_allocated_bytes;             // The most since the process began.
  double used_bytes, total_bytes;          // By everybody.
  double utilization;                      // 0..1, the share of the last second or less in which a kernel ran.
  double watts, celsius, sm_hertz;
};

struct CudaLibrary {
  int version;  // First, so that a stale library is recognised whatever follows.

  int (*num_devices)();

  // A NCCL process group on one GPU. Throws c10::Error, as the Gloo backend's constructor does.
  c10::intrusive_ptr<c10d::Backend> (*make_nccl_backend)(const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                                         int size, std::chrono::milliseconds timeout, int device_index);

  GpuUse (*gpu_use)(int device_index);  // Thread-safe.
};

// What the library exports under kCudaLibraryEntry.
using CudaLibraryEntry = const CudaLibrary*();

}  // namespace maspo
