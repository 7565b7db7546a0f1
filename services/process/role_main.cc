#include "services/process/role_main.h"

#include <limits.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/descriptor_limit.h"
#include "services/base/exception_barrier.h"
#include "services/base/exit_code.h"
#include "services/base/log.h"
#include "services/base/process_metrics.h"
#include "services/base/status_macros.h"
#include "services/base/version.h"
#include "services/config/config_loader.h"
#include "services/config/flags.h"
#include "services/process/metrics_endpoint.h"
#include "services/process/signals.h"

namespace maspo {
namespace {

// What a role with one peer of each kind opens, with some to spare; 30 were counted.
constexpr uint64_t kDescriptors = 48;

struct RoleFlags {
  std::string config, name, log_file, log_level = "info", log_format = "text";
  std::vector<std::string> overrides;
  int ready_fd = -1;  // None.
};

// Of processes that nobody named. Several on one machine share it: names are for people, and decide nothing.
std::string NameByHost(const std::string& role) {
  char host[HOST_NAME_MAX + 1] = {};
  gethostname(host, sizeof host - 1);
  return absl::StrCat(role, "-", host);
}

MetricSample BuildSample() {
  const BuildInfo build = GetBuildInfo();
  return {.kind = MetricSample::Kind::kGauge,
          .name = "maspo_build_info",
          .help = "1, with what the program was built from as labels",
          .value = 1,
          .labels = {{"version", build.version},
                     {"commit", build.commit},
                     {"compiler", build.compiler},
                     {"torch", build.torch},
                     {"build_type", build.build_type}}};
}

absl::Status RunRole(const std::string& role, const RoleFlags& flags, const StopSignal& stop,
                     const std::function<absl::Status(RoleContext&)>& body) {
  const std::string name = flags.name.empty() ? NameByHost(role) : flags.name;
  MASPO_RETURN_IF_ERROR(InitLogging({.role = role,
                                     .name = name,
                                     .file = flags.log_file,
                                     .level = flags.log_level,
                                     .json = flags.log_format == "json"}));
  MASPO_RETURN_IF_ERROR(ReserveDescriptors(kDescriptors));
  MASPO_ASSIGN_OR_RETURN(v1::RunConfig config, LoadConfig(flags.config, flags.overrides));
  MASPO_RETURN_IF_ERROR(ValidateConfig(config));

  Metrics metrics(role, name, config.run().name());
  const auto build_source = metrics.AddSource([] { return std::vector<MetricSample>{BuildSample()}; });
  const auto process_source = metrics.AddSource(ProcessSamples);
  const v1::MetricsSection& section = config.metrics();
  MASPO_ASSIGN_OR_RETURN(const std::unique_ptr<MetricsEndpoint> endpoint,
                         MetricsEndpoint::Start({section.listen_host(), static_cast<int>(section.port())}, metrics));
  const std::string metrics_endpoint = endpoint->address().ToString();
  spdlog::info("metrics at http://{}/metrics", metrics_endpoint);
  RoleContext context{name, std::move(config), metrics, metrics_endpoint, stop, [&](const std::string& served) {
                        if (flags.ready_fd < 0) return absl::OkStatus();
                        return NotifyReady(flags.ready_fd, {.endpoint = served, .metrics = metrics_endpoint});
                      }};
  return body(context);
}

}  // namespace

int RoleMain(int argc, char** argv, const std::string& role, const std::function<void(CLI::App&)>& add_flags,
             const std::function<absl::Status(RoleContext&)>& body) {
  static StopSignal stop;  // A signal may come until the very end.
  InstallStopSignals(stop);
  CLI::App app{"maspo-" + role + ": one role of a run; `maspo train` starts all of them on one machine"};
  RoleFlags flags;
  app.add_option("--config", flags.config, "Run configuration, YAML")->type_name("FILE")->required();
  app.add_option("--set", flags.overrides, "key=value, overrides one key; may be repeated");
  app.set_version_flag("--version", VersionText());
  app.add_option("--name", flags.name, "Of this process in logs and metrics. Default: the role and the machine's name");
  app.add_option("--log-file", flags.log_file, "Appended to, besides stderr")->type_name("FILE");
  app.add_option("--log-level", flags.log_level, "trace, debug, info, warning, error")->capture_default_str();
  app.add_option("--log-format", flags.log_format, "text, or json: one object a line")
      ->capture_default_str()
      ->check(CLI::IsMember({"text", "json"}));
  app.add_option("--ready-fd", flags.ready_fd, "Descriptor to report readiness on, as one line of JSON");
  add_flags(app);
  if (const std::optional<int> code = ParseFlags(app, argc, argv)) return *code;

  const absl::Status status = CatchExceptions([&] { return RunRole(role, flags, stop, body); });
  SayLastWords(status);
  return ExitCodeOf(status);
}

void SayLastWords(const absl::Status& status) {
  if (status.ok()) return;
  spdlog::error("{}", std::string(status.message()));
  std::fflush(stderr);
}

}  // namespace maspo
