// When responses end, which version sampled what, and what may be submitted or cancelled.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/rollout_worker/engine/engine_driver.h"

namespace maspo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::pair<int64_t, uint32_t>> Runs(const GeneratedResponse& response) {
  std::vector<std::pair<int64_t, uint32_t>> runs;
  for (const auto& run : response.version_runs) runs.emplace_back(run.policy_version(), run.num_tokens());
  return runs;
}

TEST(RolloutEngineVersionsTest, EachTokenCarriesTheVersionThatSampledIt) {
  const auto engine = MakeEngine({.max_running_sequences = 1});
  ASSERT_TRUE(engine->Submit(MakeRequest("a", 4, 2, 8)).ok());
  std::vector<GeneratedResponse> finished;
  const auto steps = [&](int count) {
    for (int i = 0; i < count; ++i) {
      for (GeneratedResponse& response : engine->Step()) finished.push_back(std::move(response));
    }
  };
  const auto set_version = [&](int64_t version) {
    engine->SetParameters(RandomParameters(SmallConfig(), 1 + version), version);
  };
  steps(1 + 3);  // The prefill samples nothing.
  set_version(1);
  steps(2);
  set_version(2);
  set_version(3);
  steps(3 + 5);
  set_version(7);
  steps(3);
  ASSERT_THAT(finished, SizeIs(2));
  EXPECT_THAT(Runs(finished[0]), ElementsAre(std::pair(0, 3), std::pair(1, 2), std::pair(3, 3)));
  EXPECT_THAT(Runs(finished[1]), ElementsAre(std::pair(3, 5), std::pair(7, 3)));
  EXPECT_EQ(engine->stats().policy_version, 7);
}

TEST(RolloutEngineVersionsTest, NewParametersSampleTheNextToken) {
  const auto swapped = MakeEngine({}, /*weights_seed=*/1);
  swapped->SetParameters(RandomParameters(SmallConfig(), 2), 1);
  const auto fresh = MakeEngine({}, /*weights_seed=*/2);
  for (const auto& engine : {swapped.get(), fresh.get()}) ASSERT_TRUE(engine->Submit(MakeRequest("a", 9, 3, 20)).ok());
  const Responses of_swapped = Drain(*swapped), of_fresh = Drain(*fresh);
  for (const auto& [key, response] : of_fresh) EXPECT_EQ(of_swapped.at(key).token_ids, response.token_ids);
}

TEST(RolloutEngineTest, StopTokenEndsTheResponseAndIsItsLastToken) {
  const std::vector<int64_t> free_run = Generate({}, {MakeRequest("a", 9, 1, 30)}).at({"a", 0}).token_ids;
  GenerationRequest request = MakeRequest("a", 9, 1, 30);
  request.sampling.add_stop_token_ids(free_run[20]);
  request.sampling.add_stop_token_ids(free_run[12]);
  const GeneratedResponse stopped = Generate({}, {request}).at({"a", 0});
  EXPECT_EQ(stopped.finish_reason, v1::FINISH_REASON_STOP);
  const auto end = std::find_if(free_run.begin(), free_run.end(),
                                [&](int64_t token) { return token == free_run[20] || token == free_run[12]; });
  EXPECT_EQ(stopped.token_ids, std::vector<int64_t>(free_run.begin(), end + 1));
  EXPECT_THAT(stopped.logprobs, SizeIs(stopped.token_ids.size()));
}

TEST(RolloutEngineTest, LengthEndsTheResponseAtMaxNewTokensOrTheLastPosition) {
  const Responses responses = Generate({}, {MakeRequest("a", 9, 1, 30), MakeRequest("b", 510, 1, 30)});
  EXPECT_THAT(responses.at({"a", 0}).token_ids, SizeIs(30));
  EXPECT_EQ(responses.at({"a", 0}).finish_reason, v1::FINISH_REASON_LENGTH);
  EXPECT_THAT(responses.at({"b", 0}).token_ids, SizeIs(3)) << "positions 510 and 511 are fed, the last token is not";
  EXPECT_EQ(responses.at({"b", 0}).finish_reason, v1::FINISH_REASON_LENGTH);
}

TEST(RolloutEngineTest, CancelledRequestReturnsNothingAndFreesItsBlocks) {
  const auto engine = MakeEngine({.max_running_sequences = 4});
  ASSERT_TRUE(engine->Submit(MakeRequest("a", 40, 6, 30)).ok());
  ASSERT_TRUE(engine->Submit(MakeRequest("b", 9, 2, 30)).ok());
  for (int i = 0; i < 5; ++i) engine->Step();
  EXPECT_EQ(engine->stats().running_sequences, 4);
  EXPECT_EQ(engine->stats().waiting_sequences, 4);
  EXPECT_GT(engine->stats().kv_utilization, 0);
  engine->Cancel("a");
  engine->Cancel("never submitted");
  EXPECT_THAT(Drain(*engine), SizeIs(2));
  EXPECT_EQ(engine->stats().kv_utilization, 0);
  EXPECT_TRUE(engine->Submit(MakeRequest("a", 9, 1, 2)).ok()) << "the id is free again";
}

TEST(RolloutEngineTest, SecondRequestOfAnIdInFlightIsRefused) {
  const auto engine = MakeEngine({});
  ASSERT_TRUE(engine->Submit(MakeRequest("a", 9, 1, 2)).ok());
  EXPECT_EQ(engine->Submit(MakeRequest("a", 9, 1, 2)).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(Drain(*engine), SizeIs(1));
  EXPECT_TRUE(engine->Submit(MakeRequest("a", 9, 1, 2)).ok());
}

TEST(RolloutEngineTest, RefusedRequestLeavesNoTrace) {
  const auto engine = MakeEngine({.kv_cache_tokens = 64});
  EXPECT_EQ(engine->Submit(MakeRequest("a", 40, 1, 30)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(engine->HasWork());
  EXPECT_THAT(engine->Step(), IsEmpty());
  EXPECT_TRUE(engine->Submit(MakeRequest("a", 40, 1, 20)).ok());
}

TEST(RolloutEngineTest, OptionsOutOfRangeAreRefusedByName) {
  const auto refusal = [](const RolloutEngine::Options& options) {
    return std::string(
        RolloutEngine::Create(SmallConfig(), RandomParameters(SmallConfig(), 1), 0, options).status().message());
  };
  EXPECT_THAT(refusal({.max_running_sequences = 0}), HasSubstr("max_running_sequences is 0"));
  EXPECT_THAT(refusal({.kv_block_tokens = -1}), HasSubstr("kv_block_tokens is -1"));
  EXPECT_THAT(refusal({.kv_cache_tokens = 0}), HasSubstr("kv_cache_tokens is 0"));
  EXPECT_THAT(refusal({.prefill_tokens_per_step = 0}), HasSubstr("prefill_tokens_per_step is 0"));
}

}  // namespace
}  // namespace maspo
