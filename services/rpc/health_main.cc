// maspo-health: whether a role is well, for the health checks of containers. It reads the same configuration as the
// role.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "services/base/exit_code.h"
#include "services/base/status_macros.h"
#include "services/base/version.h"
#include "services/config/config_loader.h"
#include "services/config/flags.h"
#include "services/rpc/health.h"

namespace {

struct Flags {
  std::string target, config;
  std::vector<std::string> overrides;
  double timeout_seconds = 3;
};

absl::Status Check(const Flags& flags) {
  MASPO_ASSIGN_OR_RETURN(const maspo::v1::RunConfig config, maspo::LoadConfig(flags.config, flags.overrides));
  return maspo::CheckHealth(flags.target, config.network(), absl::Seconds(flags.timeout_seconds));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"maspo-health: exits with 0 if a role is well, else says why it is not"};
  Flags flags;
  app.add_option("TARGET", flags.target, "host:port of a gRPC server, or http://host:port/path")->required();
  app.add_option("--config", flags.config, "Run configuration, YAML: for network.tls and network.token_file")
      ->type_name("FILE");
  app.add_option("--set", flags.overrides, "key=value, overrides one key; may be repeated");
  app.add_option("--timeout", flags.timeout_seconds, "Seconds")->capture_default_str();
  app.set_version_flag("--version", maspo::VersionText());
  if (const std::optional<int> code = maspo::ParseFlags(app, argc, argv)) return *code;
  spdlog::set_level(spdlog::level::off);  // One sentence is enough.
  const absl::Status status = Check(flags);
  if (!status.ok()) std::fprintf(stderr, "maspo-health: %s\n", std::string(status.message()).c_str());
  return maspo::ExitCodeOf(status);
}
