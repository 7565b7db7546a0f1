#include "collective/device.h"

#include <dlfcn.h>

#include <filesystem>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

absl::Mutex mutex;
const CudaLibrary* library ABSL_GUARDED_BY(mutex) = nullptr;

// Everything is built into one folder: bin/ holds the programs and lib/ the library.
std::string LibraryPath() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  return (program.parent_path().parent_path() / "lib" / "libmaspo_cuda.so").string();
}

absl::StatusOr<const CudaLibrary*> Open() {
  // Asked for first and by itself: without a driver the CUDA part of LibTorch loads well and fails obscurely later.
  if (dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    return absl::FailedPreconditionError(
        "no NVIDIA driver on this machine (libcuda.so.1 cannot be opened): use device cpu, or a machine with a GPU");
  }
  const std::string path = LibraryPath();
  if (!std::filesystem::exists(path)) {
    return absl::FailedPreconditionError(absl::StrCat("the CUDA backend ", path, " is not built: run make build-cuda"));
  }
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("the CUDA backend cannot be opened: ", dlerror(), "; scripts/setup --gpu fetches its libraries"));
  }
  auto* entry = reinterpret_cast<CudaLibraryEntry*>(dlsym(handle, kCudaLibraryEntry));
  if (entry == nullptr || entry()->version != kCudaLibraryVersion) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is of another build: run make build-cuda again"));
  }
  return entry();
}

absl::StatusOr<torch::Device> Parse(const std::string& name) {
  constexpr int kMostGpus = 127;  // c10::DeviceIndex is a signed byte.
  int index = 0;
  if (name == "cpu") return torch::Device(torch::kCPU);
  if (name == "cuda") return torch::Device(torch::kCUDA, 0);
  if (absl::StartsWith(name, "cuda:") && absl::SimpleAtoi(name.substr(5), &index) && index >= 0 && index <= kMostGpus) {
    return torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(index));
  }
  return absl::InvalidArgumentError(absl::StrCat("device \"", name, "\" is not known: use cpu, cuda or cuda:N"));
}

}  // namespace

absl::StatusOr<torch::Device> LoadDevice(const std::string& name) {
  MASPO_ASSIGN_OR_RETURN(const torch::Device device, Parse(name));
  if (device.is_cpu()) return device;
  absl::MutexLock lock(&mutex);
  if (library == nullptr) {
    MASPO_ASSIGN_OR_RETURN(library, Open());
  }
  const int num_devices = library->num_devices();
  if (device.index() >= num_devices) {
    return absl::FailedPreconditionError(
        absl::StrCat("device ", device.str(), " does not exist: the driver reports ", num_devices, " GPUs"));
  }
  return device;
}

void AllowTf32(bool allow) { at::globalContext().setAllowTF32CuBLAS(allow); }

const CudaLibrary* LoadedCudaLibrary() {
  absl::MutexLock lock(&mutex);
  return library;
}

}  // namespace maspo
