#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/torch.h"
#include "proto/run_config.pb.h"
#include "services/base/spelling.h"
#include "services/base/status_macros.h"

namespace maspo {

// What weights are computed in: model.dtype, its name in configurations, manifests and config.json, and LibTorch's.

inline torch::Dtype ToTorch(v1::Dtype dtype) {
  return dtype == v1::DTYPE_BFLOAT16 ? torch::kBFloat16 : torch::kFloat32;
}

// "float32" or "bfloat16". Dies on another one (a bug).
inline std::string NameOf(torch::Dtype dtype) {
  MASPO_CHECK(dtype == torch::kFloat32 || dtype == torch::kBFloat16);
  return Spelling(dtype == torch::kBFloat16 ? v1::DTYPE_BFLOAT16 : v1::DTYPE_FLOAT32);
}

inline std::optional<torch::Dtype> DtypeNamed(std::string_view name) {
  const std::optional<v1::Dtype> dtype = FromSpelling<v1::Dtype>(name);
  return dtype ? std::optional(ToTorch(*dtype)) : std::nullopt;
}

}  // namespace maspo
