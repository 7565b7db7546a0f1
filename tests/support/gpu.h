#pragma once

#include <filesystem>

namespace maspo {

// Whether a NVIDIA driver runs here. Only without one does a test for GPUs skip; with one, whatever keeps the test from
// its GPU is a failure: a library that was not built or does not load would otherwise look like a machine without a
// GPU.
inline bool HasGpu() { return std::filesystem::exists("/dev/nvidiactl"); }

// What such a test says as it skips; cmake/Targets.cmake looks for it.
inline constexpr char kNoGpu[] = "this machine has no NVIDIA driver";

}  // namespace maspo
