#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rollout_worker/engine/rollout_engine.h"
#include "tests/rollout_worker/engine/random_model.h"

namespace maspo {

// Responses by request id and sample index.
using Responses = std::map<std::pair<std::string, uint32_t>, GeneratedResponse>;

inline std::unique_ptr<RolloutEngine> MakeEngine(const RolloutEngine::Options& options, uint64_t weights_seed = 1,
                                                 int64_t policy_version = 0) {
  auto engine =
      RolloutEngine::Create(SmallConfig(), RandomParameters(SmallConfig(), weights_seed), policy_version, options);
  EXPECT_TRUE(engine.ok()) << engine.status();
  return *std::move(engine);
}

inline GenerationRequest MakeRequest(const std::string& id, int64_t prompt_tokens, uint32_t num_samples,
                                     uint32_t max_new_tokens, float temperature = 1) {
  GenerationRequest request;
  request.request_id = id;
  for (int64_t i = 0; i < prompt_tokens; ++i) request.prompt_token_ids.push_back((7 * i + 3 * id.size() + i * i) % 61);
  request.num_samples = num_samples;
  request.sampling.set_temperature(temperature);
  request.sampling.set_top_p(1);
  request.sampling.set_max_new_tokens(max_new_tokens);
  request.stream = {.run_seed = 5, .prompt_id = id, .visit = 0};
  return request;
}

// Steps until nothing is left.
inline Responses Drain(RolloutEngine& engine) {
  Responses responses;
  for (int step = 0; engine.HasWork(); ++step) {
    if (step > 10000) {
      ADD_FAILURE() << "the engine does not come to an end";
      break;
    }
    for (GeneratedResponse& response : engine.Step()) {
      const auto key = std::pair(response.request_id, response.sample_index);
      EXPECT_TRUE(responses.emplace(key, std::move(response)).second) << "a sample finished twice";
    }
  }
  return responses;
}

inline Responses Generate(const RolloutEngine::Options& options, const std::vector<GenerationRequest>& requests) {
  const auto engine = MakeEngine(options);
  for (const GenerationRequest& request : requests) EXPECT_TRUE(engine->Submit(request).ok());
  return Drain(*engine);
}

}  // namespace maspo
