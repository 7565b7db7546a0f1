#include "services/base/version.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/command.h"

namespace maspo {
namespace {

std::string Json(const BuildInfo& build) {
  return nlohmann::ordered_json{{"version", build.version},
                                {"commit", build.commit},
                                {"compiler", build.compiler},
                                {"torch", build.torch},
                                {"build_type", build.build_type}}
      .dump();
}

}  // namespace

void AddVersionCommand(CLI::App& maspo, CommandBody& run) {
  auto json = std::make_shared<bool>(false);
  CLI::App* app = maspo.add_subcommand("version", "Print what this program was built from");
  app->add_flag("--json", *json, "One JSON object instead of the line");
  app->callback([json, &run] {
    run = [json] {
      std::puts((*json ? Json(GetBuildInfo()) : VersionText()).c_str());
      return absl::OkStatus();
    };
  });
}

}  // namespace maspo
