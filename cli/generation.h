#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/model_config.h"
#include "model/tokenizer.h"
#include "rollout_worker/engine/rollout_engine.h"

namespace CLI {
class App;
}

namespace maspo {

// The flags of commands that sample from a model folder.
struct GenerationFlags {
  std::string model, device = "cpu";
  torch::Dtype dtype = torch::kFloat32;
  uint32_t samples = 1, top_k = 0, max_new_tokens = 1024;
  float temperature = 1, top_p = 1;
  uint64_t seed = 0;
  int threads = 1, max_running = 256;
};
void AddGenerationFlags(CLI::App& app, GenerationFlags& flags);

// A prompt to sample from. The number of a prompt is its place in the list.
struct GenerationPrompt {
  std::string id;  // Names the random stream.
  std::vector<int64_t> token_ids;
  std::string where;  // For messages, "FILE:LINE".
};

// Samples from a model folder with one engine in this process. Not thread-safe.
class Generation {
 public:
  // Everything but the weights. InvalidArgument, NotFound: what is wrong with the folder or a flag.
  static absl::StatusOr<std::unique_ptr<Generation>> Prepare(const GenerationFlags& flags);

  const Tokenizer& tokenizer() const { return *tokenizer_; }

  // Checks every prompt; nothing is loaded before all are good.
  absl::Status SetPrompts(const std::vector<GenerationPrompt>& prompts);

  // Loads the weights and hands over the responses as they finish, in any order; shows progress as `what`. A failing
  // `on_response` ends the run with its error.
  using OnResponse = std::function<absl::Status(size_t prompt_number, GeneratedResponse response)>;
  absl::Status Run(const std::string& what, const OnResponse& on_response);

 private:
  Generation(const GenerationFlags& flags, torch::Device device, ModelConfig config,
             std::unique_ptr<Tokenizer> tokenizer, v1::SamplingParameters sampling)
      : flags_(flags),
        device_(device),
        config_(std::move(config)),
        tokenizer_(std::move(tokenizer)),
        sampling_(std::move(sampling)) {}

  int64_t CacheTokens() const;

  const GenerationFlags flags_;
  const torch::Device device_;
  const ModelConfig config_;
  const std::unique_ptr<Tokenizer> tokenizer_;
  const v1::SamplingParameters sampling_;
  std::vector<GenerationRequest> requests_;
};

}  // namespace maspo
