// What the engine samples: the same whatever happens around a sequence, and what the learner's forward says it is.
#include "rollout_worker/engine/rollout_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "model/logprobs.h"
#include "model/packed_attention.h"
#include "tests/rollout_worker/engine/engine_driver.h"

namespace maspo {
namespace {

using ::testing::SizeIs;

const RolloutEngine::Options kRoomy = {};
const RolloutEngine::Options kTiny = {.max_running_sequences = 12, .kv_block_tokens = 4, .kv_cache_tokens = 120};

std::vector<GenerationRequest> MixedRequests() {
  return {MakeRequest("a", 1, 3, 20), MakeRequest("bb", 17, 4, 25, 0.7f), MakeRequest("ccc", 33, 2, 12),
          MakeRequest("d", 9, 5, 30), MakeRequest("ee", 16, 1, 40, 1.3f), MakeRequest("f", 40, 3, 8)};
}

std::map<std::pair<std::string, uint32_t>, std::vector<int64_t>> Tokens(const Responses& responses) {
  std::map<std::pair<std::string, uint32_t>, std::vector<int64_t>> tokens;
  for (const auto& [key, response] : responses) tokens[key] = response.token_ids;
  return tokens;
}

TEST(RolloutEngineTest, ResponsesDoNotDependOnCacheBlocksSlotsOrChunks) {
  const auto expected = Tokens(Generate(kRoomy, MixedRequests()));
  EXPECT_THAT(expected, SizeIs(18));
  for (const RolloutEngine::Options& options :
       {kTiny, RolloutEngine::Options{.kv_block_tokens = 1}, RolloutEngine::Options{.kv_block_tokens = 5},
        RolloutEngine::Options{.kv_block_tokens = 64}, RolloutEngine::Options{.max_running_sequences = 2},
        RolloutEngine::Options{.prefill_tokens_per_step = 7}}) {
    SCOPED_TRACE(testing::Message() << "blocks of " << options.kv_block_tokens << ", " << options.kv_cache_tokens
                                    << " tokens, " << options.max_running_sequences << " slots, prefill "
                                    << options.prefill_tokens_per_step);
    EXPECT_EQ(Tokens(Generate(options, MixedRequests())), expected);
  }
}

TEST(RolloutEngineTest, ResponsesAreTheSameAloneAndInABatch) {
  const auto expected = Tokens(Generate(kRoomy, MixedRequests()));
  for (const GenerationRequest& request : MixedRequests()) {
    for (const auto& [key, tokens] : Tokens(Generate(kRoomy, {request})))
      EXPECT_EQ(tokens, expected.at(key)) << key.first;
  }
}

TEST(RolloutEngineTest, SmallCachePreemptsAndStillFinishesEverything) {
  const auto engine = MakeEngine(kTiny);
  for (const GenerationRequest& request : MixedRequests()) ASSERT_TRUE(engine->Submit(request).ok());
  EXPECT_THAT(Drain(*engine), SizeIs(18));
  EXPECT_GT(engine->stats().preemptions, 3u);
  EXPECT_EQ(engine->stats().kv_utilization, 0);
}

TEST(RolloutEngineTest, SamplesOfARequestDiffer) {
  const Responses responses = Generate(kRoomy, {MakeRequest("a", 5, 2, 20)});
  EXPECT_NE(responses.at({"a", 0}).token_ids, responses.at({"a", 1}).token_ids);
}

TEST(RolloutEngineTest, PromptIsPrefilledOnceForAllSamples) {
  const auto engine = MakeEngine(kRoomy);
  ASSERT_TRUE(engine->Submit(MakeRequest("a", 21, 8, 3)).ok());
  Drain(*engine);
  EXPECT_EQ(engine->stats().prompt_tokens, 20u) << "each sample feeds the last prompt token itself";
  EXPECT_EQ(engine->stats().response_tokens, 24u);
}

// Of every sampled token, |log-probability by the learner's forward - by the engine|.
torch::Tensor Mismatch(const RolloutEngine::Options& options, const std::vector<GenerationRequest>& requests,
                       torch::Dtype dtype) {
  const auto parameters = RandomParameters(SmallConfig(), 1, dtype);
  const auto engine = RolloutEngine::Create(SmallConfig(), parameters, /*policy_version=*/0, options);
  EXPECT_TRUE(engine.ok()) << engine.status();
  for (const GenerationRequest& request : requests) EXPECT_TRUE((*engine)->Submit(request).ok());
  const Responses responses = Drain(**engine);
  const Transformer learner(SmallConfig(), parameters);
  EXPECT_EQ(learner.shared_parameters()->head().scalar_type(), dtype);
  std::vector<torch::Tensor> differences;
  for (const GenerationRequest& request : requests) {
    PackedGroup group{.prompt = request.prompt_token_ids, .responses = {}};
    std::vector<float> sampled;
    for (uint32_t i = 0; i < request.num_samples; ++i) {
      const GeneratedResponse& response = responses.at({request.request_id, i});
      group.responses.push_back(response.token_ids);
      sampled.insert(sampled.end(), response.logprobs.begin(), response.logprobs.end());
    }
    const TokenLogprobs full = ResponseLogprobs(learner, PackedLayout::Of({group}), request.sampling.temperature());
    differences.push_back((full.logprobs_N.detach() - torch::tensor(sampled)).abs());
  }
  return torch::cat(differences);
}

TEST(RolloutEngineTest, LogprobsAgreeWithTheLearnersForward) {
  for (const RolloutEngine::Options& options : {kRoomy, kTiny}) {
    EXPECT_LT(Mismatch(options, MixedRequests(), torch::kFloat32).max().item<float>(), 1e-5);
  }
}

TEST(RolloutEngineTest, Bfloat16LogprobsAgreeWithTheLearnersForwardInAnyBatch) {
  std::vector<torch::Tensor> all;
  for (const RolloutEngine::Options& options : {kRoomy, kTiny, RolloutEngine::Options{.max_running_sequences = 1},
                                                RolloutEngine::Options{.prefill_tokens_per_step = 7}}) {
    all.push_back(Mismatch(options, MixedRequests(), torch::kBFloat16));
  }
  for (const GenerationRequest& request : MixedRequests()) all.push_back(Mismatch(kRoomy, {request}, torch::kBFloat16));
  const torch::Tensor mismatch = torch::cat(all);
  RecordProperty("mean", absl::StrCat(mismatch.mean().item<float>()));
  RecordProperty("max", absl::StrCat(mismatch.max().item<float>()));
  EXPECT_LT(mismatch.mean().item<float>(), 1e-3);  // Bfloat16 itself is 1e-2 from float32 here.
  EXPECT_LT(mismatch.max().item<float>(), 0.03);
}

TEST(RolloutEngineTest, GreedyTokensAreTheArgmaxOfTheFullForward) {
  Transformer learner(SmallConfig(), RandomParameters(SmallConfig(), 1));
  const GenerationRequest request = MakeRequest("a", 19, 1, 40, /*temperature=*/0);
  const GeneratedResponse response = Generate(kTiny, {request, MakeRequest("b", 30, 4, 20)}).at({"a", 0});
  const PackedLayout layout =
      PackedLayout::Of({{.prompt = request.prompt_token_ids, .responses = {response.token_ids}}});
  PackedAttention attention(layout, torch::kCPU);
  const c10::InferenceMode inference_mode;
  const torch::Tensor hidden_TC =
      learner.Forward(torch::tensor(layout.ids_T), torch::tensor(layout.positions_T), attention);
  const torch::Tensor logits_NV = learner.Logits(hidden_TC.index_select(0, torch::tensor(layout.predictor_N)));
  EXPECT_TRUE(logits_NV.argmax(-1).equal(torch::tensor(response.token_ids)));
  const torch::Tensor best_N = std::get<0>(logits_NV.log_softmax(-1).max(-1));
  EXPECT_LT((best_N - torch::tensor(response.logprobs)).abs().max().item<float>(), 1e-5);
}

}  // namespace
}  // namespace maspo
