#include "services/base/version.h"

#include "absl/strings/str_cat.h"

namespace maspo {

BuildInfo GetBuildInfo() {
  return {.version = MASPO_VERSION,
          .commit = MASPO_COMMIT,
          .compiler = __VERSION__,
          .torch = MASPO_TORCH_VERSION,
          .build_type = MASPO_BUILD_TYPE};
}

std::string VersionText() {
  const BuildInfo build = GetBuildInfo();
  return absl::StrCat(build.version, " (commit ", build.commit, ", compiler ", build.compiler, ", LibTorch ",
                      build.torch, ", ", build.build_type, ")");
}

}  // namespace maspo
