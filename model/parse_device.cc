#include "model/parse_device.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace maspo {

absl::StatusOr<torch::Device> ParseDevice(const std::string& name) {
  constexpr int kMostGpus = 127;  // c10::DeviceIndex is a signed byte.
  int index = 0;
  if (name == "cpu") return torch::Device(torch::kCPU);
  if (name == "cuda") return torch::Device(torch::kCUDA, 0);
  if (absl::StartsWith(name, "cuda:") && absl::SimpleAtoi(name.substr(5), &index) && index >= 0 && index <= kMostGpus) {
    return torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(index));
  }
  return absl::InvalidArgumentError(absl::StrCat("device \"", name, "\" is not known (cpu, cuda or cuda:N)"));
}

}  // namespace maspo
