#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace maspo {

// A file or folder of the data that the tests share but the repository does not carry: below $MASPO_SHARED_DIR, or
// below the folder `shared` beside the checkout. Nothing when it is absent; a test then skips and says so. With
// MASPO_REQUIRE_SHARED set, as by .ci/run where there is that folder, it fails as well.
inline std::optional<std::string> SharedFile(const std::string& name) {
  const auto variable = [](const char* key) {
    const char* value = std::getenv(key);
    return std::filesystem::path(value == nullptr ? "" : value);
  };
  std::filesystem::path root = variable("MASPO_SHARED_DIR");
  if (root.empty()) root = variable("MASPO_SOURCE_DIR") / ".." / "shared";
  const std::filesystem::path path = root / name;
  if (std::filesystem::exists(path)) return path.lexically_normal().string();
  if (std::getenv("MASPO_REQUIRE_SHARED") != nullptr)
    ADD_FAILURE() << path << " is missing, but MASPO_REQUIRE_SHARED set";
  return std::nullopt;
}

}  // namespace maspo
