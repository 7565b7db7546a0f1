#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "model/dtype.h"

namespace maspo {

// --dtype float32 | bfloat16, float32 where it is not given. `dtype` outlives the parsing.
inline void AddDtypeFlag(CLI::App& app, torch::Dtype& dtype) {
  app.add_option_function<std::string>(
         "--dtype", [&dtype](const std::string& name) { dtype = *DtypeNamed(name); },  // The flag is checked.
         "What is computed in: float32 or bfloat16; log-probabilities are float32 always")
      ->check(CLI::IsMember(Spellings<v1::Dtype>()))
      ->default_str(NameOf(dtype));
}

}  // namespace maspo
