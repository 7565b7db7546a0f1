#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "model/torch.h"

namespace maspo {

// "cpu", "cuda" or "cuda:N". InvalidArgument for anything else.
absl::StatusOr<torch::Device> ParseDevice(const std::string& name);

}  // namespace maspo
