#include "rollout_worker/engine/generation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/rollout_worker/engine/random_model.h"

namespace maspo {
namespace {

using ::testing::HasSubstr;

GenerationRequest Good() {
  GenerationRequest request;
  request.request_id = "r";
  request.prompt_token_ids = {1, 2, 3};
  request.sampling.set_temperature(1);
  request.sampling.set_top_p(1);
  request.sampling.set_max_new_tokens(10);
  return request;
}

std::string Refusal(const GenerationRequest& request, int64_t kv_cache_tokens = 4096) {
  const absl::Status status = CheckRequest(request, SmallConfig(), kv_cache_tokens);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(CheckRequestTest, AcceptsWhatFitsExactly) {
  EXPECT_TRUE(CheckRequest(Good(), SmallConfig(), /*kv_cache_tokens=*/12).ok());
  GenerationRequest longest = Good();
  longest.prompt_token_ids.assign(SmallConfig().max_position_embeddings, 1);
  EXPECT_TRUE(CheckRequest(longest, SmallConfig(), 4096).ok());
  EXPECT_EQ(MaxResponseTokens(longest, SmallConfig()), 1);
}

TEST(CheckRequestTest, EveryRefusalNamesTheValue) {
  GenerationRequest request = Good();
  request.prompt_token_ids.clear();
  EXPECT_THAT(Refusal(request), HasSubstr("no token"));
  request = Good();
  request.prompt_token_ids[1] = 61;
  EXPECT_THAT(Refusal(request), HasSubstr("prompt token id 61 is outside the model's vocabulary of 61"));
  request = Good();
  request.num_samples = 0;
  EXPECT_THAT(Refusal(request), HasSubstr("num_samples"));
  request = Good();
  request.sampling.set_temperature(-0.5);
  EXPECT_THAT(Refusal(request), HasSubstr("temperature -0.5"));
  request = Good();
  request.sampling.set_top_p(0);
  EXPECT_THAT(Refusal(request), HasSubstr("top_p 0"));
  request = Good();
  request.sampling.set_max_new_tokens(0);
  EXPECT_THAT(Refusal(request), HasSubstr("max_new_tokens"));
  request = Good();
  request.sampling.add_stop_token_ids(100);
  EXPECT_THAT(Refusal(request), HasSubstr("stop token id 100"));
  request = Good();
  request.prompt_token_ids.assign(513, 1);
  EXPECT_THAT(Refusal(request), HasSubstr("513 tokens, but the model takes at most 512"));
  EXPECT_THAT(Refusal(Good(), /*kv_cache_tokens=*/11), HasSubstr("KV cache of 11 tokens"));
}

}  // namespace
}  // namespace maspo
