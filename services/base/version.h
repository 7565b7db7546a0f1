#pragma once

#include <string>

namespace maspo {

// What this program was built from, as --version prints it and maspo_build_info carries it.
struct BuildInfo {
  std::string version;   // "0.1.0"
  std::string commit;    // Of the sources; "unknown" unless the build was told (-DMASPO_COMMIT=...).
  std::string compiler;  // "12.2.0"
};
BuildInfo GetBuildInfo();

// "0.1.0 (commit unknown, compiler 12.2.0)"
std::string VersionText();

}  // namespace maspo
