#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace maspo {

// A file or folder of the data that the tests share but the repository does not carry: below $MASPO_SHARED_DIR, or
// below the folder `shared` beside the checkout. Nothing when it is absent; a test then skips and says so.
inline std::optional<std::string> SharedFile(const std::string& name) {
  const auto variable = [](const char* key) {
    const char* value = std::getenv(key);
    return std::filesystem::path(value == nullptr ? "" : value);
  };
  std::filesystem::path root = variable("MASPO_SHARED_DIR");
  if (root.empty()) root = variable("MASPO_SOURCE_DIR") / ".." / "shared";
  const std::filesystem::path path = root / name;
  if (!std::filesystem::exists(path)) return std::nullopt;
  return path.lexically_normal().string();
}

}  // namespace maspo
