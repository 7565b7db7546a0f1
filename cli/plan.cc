#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/command.h"
#include "learner/plan/run_plan.h"
#include "services/base/status_macros.h"
#include "services/config/config_loader.h"

namespace maspo {
namespace {

using nlohmann::ordered_json;

constexpr double kGib = int64_t{1} << 30;

struct Flags {
  std::string config, model_config;
  std::vector<std::string> overrides;
  Hardware hardware;
  std::string gpu_memory = "80GiB", flops = "312T", memory_bandwidth = "2.0T", network_bandwidth = "90G";
  Lengths lengths;
  bool is_learn = false, json = false;
};

// "80GiB", "312T", "90G", "1e12": a number above 0, and a power of 1000 or, with an i, of 1024; a B may follow.
absl::Status ReadAmount(const char* flag, const std::string& text, double& amount) {
  static constexpr std::string_view kPowers = "KMGTP";
  size_t used = 0;
  try {
    amount = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  std::string_view unit = std::string_view(text).substr(used);
  if (const size_t power = unit.empty() ? std::string_view::npos : kPowers.find(unit.front());
      power != std::string_view::npos) {
    unit.remove_prefix(1);
    const bool is_binary = !unit.empty() && unit.front() == 'i';
    if (is_binary) unit.remove_prefix(1);
    amount *= std::pow(is_binary ? 1024.0 : 1000.0, static_cast<double>(power + 1));
  }
  if (unit == "B") unit = {};
  if (used > 0 && unit.empty() && std::isfinite(amount) && amount > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      flag, " ", text, " is not an amount: write a number above 0 with K, M, G, T or Ki, Mi, Gi, Ti, as in 80GiB"));
}

std::string Duration(double seconds) {
  if (seconds >= 3600) return absl::StrFormat("%.1f h", seconds / 3600);
  return seconds >= 60 ? absl::StrFormat("%.1f min", seconds / 60) : absl::StrFormat("%.1f s", seconds);
}

void AppendMemory(const char* title, const MemoryPlan& plan, std::string& table) {
  absl::StrAppendFormat(&table, "%s\n", title);
  for (const MemoryItem& item : plan.items)
    absl::StrAppendFormat(&table, "  %-32s %8.2f GiB\n", item.kind, item.bytes / kGib);
  const std::string total = plan.peak.empty() ? "total" : absl::StrCat("total, at the ", plan.peak);
  absl::StrAppendFormat(&table, "  %-32s %8.2f GiB\n", total, plan.total() / kGib);
}

std::string Table(const RunPlan& plan, const Hardware& hardware, const Lengths& lengths) {
  std::string table = absl::StrFormat("%.2f billion parameters; %.1f of %.1f GiB of a GPU can be used\n\n",
                                      static_cast<double>(plan.parameters) / 1e9, hardware.usable_bytes() / kGib,
                                      hardware.gpu_memory / kGib);
  AppendMemory(absl::StrCat("learner, each of ", plan.ranks, " ranks").c_str(), plan.rank, table);
  AppendMemory("rollout worker, each", plan.worker.memory, table);
  absl::StrAppendFormat(
      &table, "  %d KiB of keys and values a token, %d tokens would fit; %d sequences at once, %.0f tokens/s\n\n",
      plan.worker.kv_bytes_of_token / 1024, plan.worker.cache_tokens_that_fit, plan.worker.sequences,
      plan.worker.tokens_per_second);
  absl::StrAppendFormat(&table, "step of %d ranks and %d workers, responses of %d tokens on average (estimates)\n",
                        plan.ranks, plan.workers, lengths.response);
  const auto line = [&table](const char* what, double seconds) {
    absl::StrAppendFormat(&table, "  %-32s %12s\n", what, Duration(seconds));
  };
  line("generate", plan.time.generate);
  line("old log-probabilities", plan.time.old_logprobs);
  line("update", plan.time.update);
  line("reduce (beside update)", plan.time.reduce);
  line("publish", plan.time.publish);
  line(plan.time.overlaps ? "step, generation beside training" : "step, one after the other", plan.time.total());
  if (plan.best.ranks > 0) {
    absl::StrAppendFormat(&table, "shortest step of %d GPUs: %d ranks, %d workers, %s\n", hardware.gpus,
                          plan.best.ranks, plan.best.workers, Duration(plan.best.time.total()));
  }
  return table;
}

ordered_json AsJson(const MemoryPlan& plan) {
  ordered_json items = ordered_json::object();
  for (const MemoryItem& item : plan.items) items[item.kind] = std::llround(item.bytes);
  ordered_json memory = {{"bytes", std::move(items)}, {"total_bytes", std::llround(plan.total())}};
  if (!plan.peak.empty()) memory["peak"] = plan.peak;
  return memory;
}

ordered_json AsJson(const StepTime& time) {
  return {{"generate", time.generate}, {"old_logprobs", time.old_logprobs}, {"update", time.update},
          {"reduce", time.reduce},     {"publish", time.publish},           {"step", time.total()}};
}

std::string Json(const RunPlan& plan, const Hardware& hardware, const absl::Status& fits) {
  ordered_json worker = AsJson(plan.worker.memory);
  worker["kv_bytes_of_token"] = plan.worker.kv_bytes_of_token;
  worker["cache_tokens_that_fit"] = plan.worker.cache_tokens_that_fit;
  worker["sequences"] = plan.worker.sequences;
  worker["tokens_per_second"] = plan.worker.tokens_per_second;
  ordered_json best = nullptr;
  if (plan.best.ranks > 0)
    best = {{"ranks", plan.best.ranks}, {"workers", plan.best.workers}, {"seconds", AsJson(plan.best.time)}};
  return ordered_json{{"parameters", plan.parameters},
                      {"usable_bytes", std::llround(hardware.usable_bytes())},
                      {"fits", fits.ok()},
                      {"ranks", plan.ranks},
                      {"workers", plan.workers},
                      {"fewest_ranks", plan.fewest_ranks},
                      {"rank", AsJson(plan.rank)},
                      {"worker", std::move(worker)},
                      {"seconds", AsJson(plan.time)},
                      {"best", std::move(best)}}
      .dump();
}

absl::Status RunPlanCommand(Flags flags) {
  Hardware& hardware = flags.hardware;
  MASPO_RETURN_IF_ERROR(ReadAmount("--gpu-memory", flags.gpu_memory, hardware.gpu_memory));
  MASPO_RETURN_IF_ERROR(ReadAmount("--flops", flags.flops, hardware.flops));
  MASPO_RETURN_IF_ERROR(ReadAmount("--memory-bandwidth", flags.memory_bandwidth, hardware.memory_bandwidth));
  MASPO_RETURN_IF_ERROR(ReadAmount("--network-bandwidth", flags.network_bandwidth, hardware.network_bandwidth));
  MASPO_ASSIGN_OR_RETURN(v1::RunConfig config, LoadConfig(flags.config, flags.overrides));
  MASPO_RETURN_IF_ERROR(ValidateConfig(config));
  config = ResolveDefaults(config);
  MASPO_ASSIGN_OR_RETURN(const ModelConfig model, flags.model_config.empty()
                                                      ? ModelConfig::Load(config.model().path())
                                                      : ModelConfig::LoadFile(flags.model_config));
  const LearnerKind kind = flags.is_learn ? LearnerKind::kLearn : LearnerKind::kTrain;
  const RunPlan plan = PlanRun(model, config, hardware, flags.lengths, kind);
  const absl::Status fits = CheckFits(plan, config, hardware);
  std::fputs((flags.json ? Json(plan, hardware, fits) + "\n" : Table(plan, hardware, flags.lengths)).c_str(), stdout);
  return fits;
}

}  // namespace

void AddPlanCommand(CLI::App& maspo, CommandBody& run) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* app = maspo.add_subcommand("plan", "Estimate memory, time and the split of GPUs of a run, without a GPU");
  app->add_option("config", flags->config, "Run configuration, YAML")->type_name("FILE")->required();
  app->add_option("--set", flags->overrides, "Override one key, for instance --set learner.ranks=16; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  app->add_option("--model-config", flags->model_config,
                  "config.json of the model, where model.path is not on this disk")
      ->type_name("FILE");
  app->add_option("--gpus", flags->hardware.gpus, "GPUs of learner and workers together")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app->add_option("--gpu-memory", flags->gpu_memory, "Of one GPU; a tenth is left free")->capture_default_str();
  app->add_option("--flops", flags->flops, "Operations a second of one GPU, in model.dtype")->capture_default_str();
  app->add_option("--memory-bandwidth", flags->memory_bandwidth, "Bytes a second of one GPU")->capture_default_str();
  app->add_option("--network-bandwidth", flags->network_bandwidth, "Bytes a second of one node")->capture_default_str();
  app->add_option("--efficiency", flags->hardware.efficiency, "Share of --flops that is reached")
      ->check(CLI::Range(0.001, 1.0))
      ->capture_default_str();
  app->add_option("--decoding-efficiency", flags->hardware.decoding_efficiency,
                  "Share of --memory-bandwidth that decoding reaches")
      ->check(CLI::Range(0.001, 1.0))
      ->capture_default_str();
  app->add_option("--prompt-tokens", flags->lengths.prompt, "Mean length of prompts")
      ->check(CLI::Range(1, 10000000))
      ->capture_default_str();
  app->add_option("--response-tokens", flags->lengths.response, "Mean length of responses")
      ->check(CLI::Range(1, 10000000))
      ->capture_default_str();
  app->add_flag("--learn", flags->is_learn, "Memory of a rank of `maspo learn`, which publishes nothing");
  app->add_flag("--json", flags->json, "One JSON object instead of the table");
  app->callback([flags, &run] { run = [flags] { return RunPlanCommand(*flags); }; });
}

}  // namespace maspo
