#include "services/base/version.h"

#include "absl/strings/str_cat.h"

namespace maspo {

BuildInfo GetBuildInfo() { return {.version = MASPO_VERSION, .commit = MASPO_COMMIT, .compiler = __VERSION__}; }

std::string VersionText() {
  const BuildInfo build = GetBuildInfo();
  return absl::StrCat(build.version, " (commit ", build.commit, ", compiler ", build.compiler, ")");
}

}  // namespace maspo
