#pragma once

#include <string>

#include "absl/status/status.h"

namespace maspo {

// Whether the file that a configuration key names is there. InvalidArgument: the path is empty. NotFound: no such file.
absl::Status CheckFile(const char* key, const std::string& path);

}  // namespace maspo
