#pragma once

#include <string>

namespace maspo {

// What this program was built from, as --version prints it and maspo_build_info carries it.
struct BuildInfo {
  std::string version;     // "0.1.0"
  std::string commit;      // Of the sources; "unknown" where there is no git; -dirty with uncommitted changes.
  std::string compiler;    // "12.2.0"
  std::string torch;       // LibTorch of the build: "2.11.0+cu130", or "none".
  std::string build_type;  // "Release"
};
BuildInfo GetBuildInfo();

// "0.1.0 (commit unknown, compiler 12.2.0, LibTorch 2.11.0+cu130, Release)"
std::string VersionText();

}  // namespace maspo
