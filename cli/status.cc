#include <google/protobuf/util/json_util.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "cli/command.h"
#include "cli/train/run_lines.h"
#include "services/base/format.h"
#include "services/base/status_macros.h"
#include "services/config/config_loader.h"
#include "services/control/control_client.h"

namespace maspo {
namespace {

struct StatusFlags {
  std::string learner, config;
  std::vector<std::string> overrides;
  bool json = false;
};

std::string WorkerTable(const v1::RunStatus& status) {
  std::string table = absl::StrFormat("%-32s %8s %7s %8s %8s %6s %6s  %s\n", "worker", "version", "groups", "running",
                                      "waiting", "KV", "heard", "phase");
  for (const v1::WorkerSummary& worker : status.workers()) {
    const v1::WorkerStatus& now = worker.status();
    absl::StrAppendFormat(&table, "%-32s %8d %7d %8d %8d %5.0f%% %5.1fs  %s\n", worker.worker_name(),
                          now.policy_version(), now.groups_in_flight(), now.running_sequences(),
                          now.waiting_sequences(), 100 * now.kv_utilization(), worker.seconds_since_heartbeat(),
                          now.phase());
    if (!now.problem().empty()) absl::StrAppend(&table, "  troubled: ", now.problem(), "\n");
  }
  return table;
}

absl::Status PrintStatus(const StatusFlags& flags) {
  spdlog::set_level(spdlog::level::off);  // The answer, or one sentence, is all that is printed.
  MASPO_ASSIGN_OR_RETURN(const v1::RunConfig config, LoadConfig(flags.config, flags.overrides));
  MASPO_ASSIGN_OR_RETURN(
      const auto channel,
      RpcChannel::Create(
          {.peer = "the learner", .key = "HOST:PORT", .endpoint = flags.learner, .network = config.network()}));
  ControlClient control(channel.get(), {});
  MASPO_ASSIGN_OR_RETURN(const v1::RunStatus status, control.GetStatus());
  if (flags.json) {
    google::protobuf::util::JsonPrintOptions options;
    options.always_print_primitive_fields = true;
    options.preserve_proto_field_names = true;
    std::string json;
    if (!google::protobuf::util::MessageToJsonString(status, &json, options).ok()) {
      return absl::InternalError("the learner's status cannot be written as JSON");
    }
    std::printf("%s\n", json.c_str());
    return absl::OkStatus();
  }
  std::printf("%s, running for %s, last step %s ago\n", status.run_id().c_str(),
              HumanDuration(absl::Seconds(status.elapsed_seconds())).c_str(),
              HumanDuration(absl::Seconds(status.seconds_since_step())).c_str());
  for (const std::string& line : RunLines(status, {})) std::printf("%s\n", line.c_str());
  std::fputs(WorkerTable(status).c_str(), stdout);
  return absl::OkStatus();
}

}  // namespace

void AddStatusCommand(CLI::App& maspo, CommandBody& run) {
  auto flags = std::make_shared<StatusFlags>();
  CLI::App* app = maspo.add_subcommand("status", "Print how far a running learner is and what its workers do");
  app->add_option("HOST:PORT", flags->learner, "network.learner of the run")->required();
  app->add_option("--config", flags->config, "Run configuration, YAML: for network.tls and network.token_file");
  app->add_option("--set", flags->overrides, "key=value, overrides one key; may be repeated");
  app->add_flag("--json", flags->json, "The whole status as JSON");
  app->callback([flags, &run] { run = [flags] { return PrintStatus(*flags); }; });
}

}  // namespace maspo
