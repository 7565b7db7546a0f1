#include "cli/generation.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/dtype_flag.h"
#include "collective/device.h"
#include "model/hugging_face.h"
#include "services/base/progress.h"
#include "services/base/sampling_check.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"

namespace maspo {

void AddGenerationFlags(CLI::App& app, GenerationFlags& flags) {
  app.add_option("--model", flags.model, "Hugging Face folder")->required();
  app.add_option("--samples", flags.samples, "Responses per prompt")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--temperature", flags.temperature, "0 = greedy")->capture_default_str();
  app.add_option("--top-p", flags.top_p, "Probability mass to sample from; 1 = all")->capture_default_str();
  app.add_option("--top-k", flags.top_k, "Number of tokens to sample from; 0 = all")->capture_default_str();
  app.add_option("--max-new-tokens", flags.max_new_tokens,
                 "Per response, the stop token included; a response also ends where the model's positions do")
      ->capture_default_str();
  app.add_option("--seed", flags.seed, "Of the random streams")->capture_default_str();
  app.add_option("--device", flags.device, "cpu, cuda or cuda:N")->capture_default_str();
  AddDtypeFlag(app, flags.dtype);
  app.add_option("--threads", flags.threads, "Intra-op threads")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--max-running", flags.max_running, "Sequences decoded at a time")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
}

absl::StatusOr<std::unique_ptr<Generation>> Generation::Prepare(const GenerationFlags& flags) {
  torch::set_num_threads(flags.threads);
  MASPO_ASSIGN_OR_RETURN(const torch::Device device, LoadDevice(flags.device));
  MASPO_ASSIGN_OR_RETURN(ModelConfig config, ModelConfig::Load(flags.model));
  MASPO_ASSIGN_OR_RETURN(std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Load(flags.model));
  v1::SamplingParameters sampling;
  sampling.set_temperature(flags.temperature);
  sampling.set_top_p(flags.top_p);
  sampling.set_top_k(flags.top_k);
  sampling.set_max_new_tokens(flags.max_new_tokens);
  for (const int64_t id : tokenizer->stop_token_ids()) sampling.add_stop_token_ids(static_cast<uint32_t>(id));
  MASPO_RETURN_IF_ERROR(CheckSampling(sampling, config.vocab_size));
  return std::unique_ptr<Generation>(
      new Generation(flags, device, std::move(config), std::move(tokenizer), std::move(sampling)));
}

absl::Status Generation::SetPrompts(const std::vector<GenerationPrompt>& prompts) {
  requests_.clear();
  for (const GenerationPrompt& prompt : prompts) {
    requests_.push_back({.request_id = absl::StrCat(requests_.size()),
                         .prompt_token_ids = prompt.token_ids,
                         .num_samples = flags_.samples,
                         .sampling = sampling_,
                         .stream = {.run_seed = flags_.seed, .prompt_id = prompt.id, .visit = 0}});
  }
  const int64_t cache_tokens = CacheTokens();
  for (size_t i = 0; i < requests_.size(); ++i) {
    MASPO_RETURN_IF_ERROR(Annotate(CheckRequest(requests_[i], config_, cache_tokens), prompts[i].where));
  }
  return absl::OkStatus();
}

// As much cache as all sequences would fill, within the engine's default; more where a single one is longer than that.
int64_t Generation::CacheTokens() const {
  const RolloutEngine::Options defaults;
  int64_t longest = 0, total = 0;
  for (const GenerationRequest& request : requests_) {
    const int64_t tokens = static_cast<int64_t>(request.prompt_token_ids.size()) + MaxResponseTokens(request, config_) +
                           defaults.kv_block_tokens;
    longest = std::max(longest, tokens);
    total += tokens * request.num_samples;
  }
  return std::max(longest, std::min(total, defaults.kv_cache_tokens));
}

absl::Status Generation::Run(const std::string& what, const OnResponse& on_response) {
  MASPO_ASSIGN_OR_RETURN(std::shared_ptr<ParameterSet> parameters,
                         LoadWeights(flags_.model, config_, device_, flags_.dtype));
  RolloutEngine::Options options;
  options.max_running_sequences = flags_.max_running;
  options.kv_cache_tokens = CacheTokens();
  MASPO_ASSIGN_OR_RETURN(const std::unique_ptr<RolloutEngine> engine,
                         RolloutEngine::Create(config_, std::move(parameters), /*policy_version=*/0, options));
  for (const GenerationRequest& request : requests_) MASPO_RETURN_IF_ERROR(engine->Submit(request));

  Progress progress(what, "responses", static_cast<double>(requests_.size()) * flags_.samples);
  const absl::Time start = SteadyNow();
  uint64_t finished = 0;
  while (engine->HasWork()) {
    for (GeneratedResponse& response : engine->Step()) {
      uint64_t number = 0;
      MASPO_CHECK(absl::SimpleAtoi(response.request_id, &number));
      MASPO_RETURN_IF_ERROR(on_response(number, std::move(response)));
      ++finished;
    }
    const double rate =
        static_cast<double>(engine->stats().response_tokens) / absl::ToDoubleSeconds(SteadyNow() - start);
    progress.Update(static_cast<double>(finished), absl::StrFormat("%.0f tokens/s", rate));
  }
  MASPO_CHECK(finished == requests_.size() * flags_.samples);
  return absl::OkStatus();
}

}  // namespace maspo
