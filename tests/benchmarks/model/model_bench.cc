// Tokens per second of the rollout engine and of the learner's update on a model of a given shape with random weights;
// what plain_model.py does with transformers and PyTorch. Prints one line of JSON; bench.sh compares.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "collective/device.h"
#include "learner/update/policy_update.h"
#include "rollout_worker/engine/rollout_engine.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"
#include "tests/learner/sharded/rank_policy.h"

namespace maspo {
namespace {

struct Flags {
  std::string model, device = "cpu", part;
  int64_t groups = 2, group_size = 8, prompt_tokens = 128, response_tokens = 512, rounds = 2;
  int64_t micro_batch_tokens = 16384;
  bool tf32 = false;
};

// Of N(0, 0.02), norms 1: made on the device, as 1.5e9 numbers take the CPU their time.
std::shared_ptr<ParameterSet> RandomWeights(const ModelConfig& config, torch::Device device) {
  auto parameters = ParameterSet::Allocate(config, device, torch::kFloat32);
  const torch::NoGradGuard no_grad;
  for (ParameterBucket& bucket : parameters->buckets()) {
    bucket.values.normal_(0, 0.02);
    for (Parameter& parameter : bucket.parameters) {
      if (parameter.name.find("norm") != std::string::npos) parameter.view.fill_(1);
    }
  }
  return parameters;
}

std::vector<int64_t> RandomTokens(int64_t count, int64_t vocab) {
  const torch::Tensor ids = torch::randint(std::min<int64_t>(vocab, 32000), {count}, torch::kInt64);
  return {ids.const_data_ptr<int64_t>(), ids.const_data_ptr<int64_t>() + count};
}

// Of the fastest round; the first warms up.
template <typename Round>
double FastestSeconds(int64_t rounds, torch::Device device, const Round& round) {
  double fastest = 1e30;
  for (int64_t i = 0; i <= rounds; ++i) {
    const absl::Time start = SteadyNow();
    round(i);
    if (!device.is_cpu()) torch::zeros({1}, device).item<float>();  // Waits for the device.
    if (i > 0) fastest = std::min(fastest, absl::ToDoubleSeconds(SteadyNow() - start));
  }
  return fastest;
}

double Rollout(const Flags& flags, const ModelConfig& config, torch::Device device) {
  const int64_t rows = flags.groups * flags.group_size;
  auto engine = RolloutEngine::Create(config, RandomWeights(config, device), 0,
                                      {.max_running_sequences = static_cast<int>(rows),
                                       .kv_cache_tokens = rows * (flags.prompt_tokens + flags.response_tokens + 32)});
  MASPO_CHECK(engine.ok());
  return FastestSeconds(flags.rounds, device, [&](int64_t round) {
    for (int64_t g = 0; g < flags.groups; ++g) {
      GenerationRequest request;
      request.request_id = absl::StrCat(round, "/", g);
      request.prompt_token_ids = RandomTokens(flags.prompt_tokens, config.vocab_size);
      request.num_samples = static_cast<uint32_t>(flags.group_size);
      request.sampling.set_temperature(1);
      request.sampling.set_top_p(1);
      request.sampling.set_max_new_tokens(static_cast<uint32_t>(flags.response_tokens));
      request.stream = {.run_seed = 1, .prompt_id = request.request_id, .visit = 0};
      MASPO_CHECK((*engine)->Submit(std::move(request)).ok());
    }
    while ((*engine)->HasWork()) (*engine)->Step();
  });
}

double Learn(const Flags& flags, const ModelConfig& config, torch::Device device) {
  RankPolicy rank(config, *RandomWeights(config, device));
  PolicyUpdate update({.micro_batch_tokens = flags.micro_batch_tokens}, &rank.policy, &rank.optimizer,
                      *MakeObjective(v1::ObjectiveConfig()));
  std::vector<TrainingGroup> groups(flags.groups);
  for (TrainingGroup& group : groups) {
    group.prompt = RandomTokens(flags.prompt_tokens, config.vocab_size);
    for (int64_t r = 0; r < flags.group_size; ++r) {
      TrainingResponse& response = group.responses.emplace_back();
      response.token_ids = RandomTokens(flags.response_tokens, config.vocab_size);
      response.advantages.assign(flags.response_tokens, r % 2 == 0 ? 1.0f : -1.0f);
      response.old_logprobs.assign(flags.response_tokens, -12.0f);
    }
  }
  return FastestSeconds(flags.rounds, device,
                        [&](int64_t) { MASPO_CHECK(update.Apply(groups, /*learning_rate=*/1e-7).ok()); });
}

int Main(const Flags& flags) {
  const auto device = LoadDevice(flags.device);
  const auto config = ModelConfig::Load(flags.model);
  for (const absl::Status& status : {device.status(), config.status()}) {
    if (status.ok()) continue;
    std::fprintf(stderr, "model_bench: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  AllowTf32(flags.tf32);
  torch::manual_seed(1);
  const double seconds = flags.part == "rollout" ? Rollout(flags, *config, *device) : Learn(flags, *config, *device);
  const double tokens = static_cast<double>(flags.groups * flags.group_size * flags.response_tokens);
  const double reserved = device->is_cpu() ? 0 : LoadedCudaLibrary()->gpu_use(device->index()).reserved_bytes;
  std::printf("{\"seconds\": %.4f, \"tokens_per_second\": %.1f, \"reserved_bytes\": %.0f}\n", seconds, tokens / seconds,
              reserved);
  return 0;
}

}  // namespace
}  // namespace maspo

int main(int argc, char** argv) {
  maspo::Flags flags;
  CLI::App app{"model_bench"};
  app.add_option("part", flags.part, "rollout or learner")->required()->check(CLI::IsMember({"rollout", "learner"}));
  app.add_option("--model", flags.model, "Folder with a config.json; no weights are read")->required();
  app.add_option("--device", flags.device);
  app.add_option("--groups", flags.groups);
  app.add_option("--group-size", flags.group_size);
  app.add_option("--prompt-tokens", flags.prompt_tokens);
  app.add_option("--response-tokens", flags.response_tokens);
  app.add_option("--micro-batch-tokens", flags.micro_batch_tokens);
  app.add_option("--rounds", flags.rounds);
  app.add_flag("--tf32", flags.tf32, "As model.tf32");
  CLI11_PARSE(app, argc, argv);
  return maspo::Main(flags);
}
