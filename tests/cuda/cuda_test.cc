// What runs on a GPU against the same on the CPU: sampling, log-probabilities, every objective's update, the way of
// weights to a GPU. Skipped where there is none.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "collective/device.h"
#include "collective/gpu_metrics.h"
#include "learner/publish/weight_publisher.h"
#include "learner/update/policy_update.h"
#include "model/logprobs.h"
#include "rollout_worker/weights/weight_receiver.h"
#include "services/base/spelling.h"
#include "services/base/steady_clock.h"
#include "tests/learner/sharded/rank_policy.h"
#include "tests/model/held_weights.h"
#include "tests/rollout_worker/engine/engine_driver.h"
#include "tests/support/gpu.h"

namespace maspo {
namespace {

// What two devices may differ by: they sum in different orders.
constexpr double kLogprobTolerance = 2e-5;
constexpr double kRelativeTolerance = 2e-4;

std::shared_ptr<ParameterSet> ParametersOn(torch::Device device) {
  auto parameters = ParameterSet::Allocate(SmallConfig(), device, torch::kFloat32);
  parameters->CopyFrom(*RandomParameters(SmallConfig(), /*seed=*/1));
  return parameters;
}

class CudaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HasGpu()) GTEST_SKIP() << kNoGpu;
    const absl::Status status = LoadDevice("cuda:0").status();
    ASSERT_TRUE(status.ok()) << status;
  }
  const torch::Device gpu_{torch::kCUDA, 0};
};

// Requests that share prefixes, stop at different lengths and preempt one another.
Responses GenerateOn(torch::Device device) {
  auto engine = *RolloutEngine::Create(SmallConfig(), ParametersOn(device), 0,
                                       {.max_running_sequences = 6, .kv_block_tokens = 4, .kv_cache_tokens = 240});
  for (int i = 0; i < 5; ++i) {
    GenerationRequest request = MakeRequest(absl::StrCat("r", i), 3 + 5 * i, /*num_samples=*/4, 20 + 7 * i);
    request.sampling.set_temperature(i == 3 ? 0.0f : 0.8f);
    if (i == 1) request.sampling.set_top_p(0.9f);
    if (i == 2) request.sampling.set_top_k(7);
    EXPECT_TRUE(engine->Submit(std::move(request)).ok());
  }
  return Drain(*engine);
}

TEST_F(CudaTest, TheEngineSamplesWhatItSamplesOnTheCpu) {
  const Responses on_cpu = GenerateOn(torch::kCPU), on_gpu = GenerateOn(gpu_);
  ASSERT_EQ(on_cpu.size(), 20u);
  ASSERT_EQ(on_gpu.size(), 20u);
  int same = 0;
  for (const auto& [key, response] : on_gpu) {
    const GeneratedResponse& expected = on_cpu.at(key);
    if (response.token_ids != expected.token_ids) continue;  // A draw at the border of two tokens may fall either way.
    ++same;
    for (size_t t = 0; t < response.logprobs.size(); ++t) {
      EXPECT_NEAR(response.logprobs[t], expected.logprobs[t], kLogprobTolerance);
    }
  }
  EXPECT_GE(same, 19);
}

TEST_F(CudaTest, SamplerAndLearnerAgree) {
  auto engine = *RolloutEngine::Create(SmallConfig(), ParametersOn(gpu_), 0, {});
  const GenerationRequest request = MakeRequest("r", 9, /*num_samples=*/16, 60);
  ASSERT_TRUE(engine->Submit(request).ok());
  PackedGroup group{.prompt = request.prompt_token_ids, .responses = {}};
  std::vector<float> sampled;
  for (const auto& [key, response] : Drain(*engine)) {
    group.responses.push_back(response.token_ids);
    sampled.insert(sampled.end(), response.logprobs.begin(), response.logprobs.end());
  }
  const std::vector<PackedGroup> groups = {group};
  const torch::NoGradGuard no_grad;
  for (const torch::Device device : {torch::Device(torch::kCPU), gpu_}) {
    const Transformer model(SmallConfig(), ParametersOn(device));
    const torch::Tensor scored =
        ResponseLogprobs(model, PackedLayout::Of(groups), /*temperature=*/1, kDefaultLogitsPerChunk)
            .logprobs_N.to(torch::kCPU);
    const double difference = (scored - torch::tensor(sampled)).abs().max().item<double>();
    EXPECT_LT(difference, kLogprobTolerance) << device;
  }
}

std::vector<TrainingGroup> RandomGroups() {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  const auto tokens = [&](size_t count) {
    std::vector<int64_t> ids(count);
    for (int64_t& id : ids) id = static_cast<int64_t>(random() % 61);
    return ids;
  };
  std::vector<TrainingGroup> groups(3);
  for (size_t g = 0; g < groups.size(); ++g) {
    groups[g].group_id = absl::StrCat("g", g);
    groups[g].prompt = tokens(4 + g);
    for (const size_t length : {0u, 1u, 6u, 17u}) {
      TrainingResponse& response = groups[g].responses.emplace_back();
      response.token_ids = tokens(length);
      response.behavior_logprobs.assign(length, -3.0f);
      response.advantages.assign(length, normal(random));
    }
  }
  return groups;
}

struct Update {
  UpdateResult result;
  std::shared_ptr<ParameterSet> parameters;
};

Update UpdateOn(torch::Device device, const v1::ObjectiveConfig& objective) {
  RankPolicy rank(SmallConfig(), *ParametersOn(device)), reference(SmallConfig(), *ParametersOn(device));
  PolicyUpdate policy_update({.micro_batch_tokens = 40}, &rank.policy, &rank.optimizer, *MakeObjective(objective),
                             &reference.policy);
  std::vector<TrainingGroup> groups = RandomGroups();
  EXPECT_TRUE(policy_update.RecomputeOldLogprobs(groups).ok());
  EXPECT_TRUE(policy_update.ComputeReferenceLogprobs(groups).ok());
  std::mt19937 random(7);
  std::normal_distribution<float> noise(0, 0.3f);
  for (TrainingGroup& group : groups) {
    for (TrainingResponse& response : group.responses) {
      for (float& logprob : response.old_logprobs) logprob += noise(random);
    }
  }
  UpdateResult result = *policy_update.Apply(groups, /*learning_rate=*/1e-3);
  return {std::move(result), rank.Weights()};
}

TEST_F(CudaTest, EveryObjectiveUpdatesAsOnTheCpu) {
  for (const char* name :
       {"maspo", "grpo_clip", "clip_higher", "dac", "entropy_reg", "adv_reweighting", "entropy_adv", "bapo", "sapo",
        "sapo_paper", "gspo", "gspo_token", "cispo", "gmpo", "clip_cov", "kl_cov", "gppo", "ce_gppo", "aspo"}) {
    v1::ObjectiveConfig objective;
    objective.set_name(FromSpelling<v1::Objective>(name).value());
    objective.set_reference_kl_coef(0.1);
    if (absl::StrContains(name, "_cov")) objective.set_select_ratio(0.1);
    const Update cpu = UpdateOn(torch::kCPU, objective), gpu = UpdateOn(gpu_, objective);
    ASSERT_TRUE(cpu.result.applied && gpu.result.applied) << name;
    EXPECT_GT(cpu.result.grad_norm, 0) << name;
    EXPECT_NEAR(gpu.result.loss, cpu.result.loss, kRelativeTolerance * std::max(1.0, std::abs(cpu.result.loss)))
        << name;
    EXPECT_NEAR(gpu.result.grad_norm, cpu.result.grad_norm, kRelativeTolerance * cpu.result.grad_norm) << name;
    EXPECT_EQ(gpu.result.metrics.tokens, cpu.result.metrics.tokens) << name;
    EXPECT_EQ(gpu.result.metrics.clipped, cpu.result.metrics.clipped) << name;
    for (size_t i = 0; i < cpu.parameters->buckets().size(); ++i) {
      // Adam's first update is lr * sign(g): elements whose gradient is at rounding level may differ by all of it.
      const torch::Tensor difference =
          (gpu.parameters->buckets()[i].values.cpu() - cpu.parameters->buckets()[i].values).abs();
      EXPECT_LT((difference > 1e-5).to(torch::kFloat32).mean().item<float>(), 0.02) << name;
    }
  }
}

TEST_F(CudaTest, WeightsReachAGpuThatTheLearnerSharesThroughMainMemory) {
  const auto weights = ParametersOn(gpu_);
  const auto publisher = *WeightPublisher::Create({.transport = torch::kCPU});
  publisher->epochs().AddWorker("a");
  WeightReceiver receiver({.device = gpu_}, SmallConfig(), &publisher->epochs());
  const auto on_host = ParametersOn(torch::kCPU);
  on_host->CopyFrom(*weights);
  publisher->Publish(std::make_shared<HeldWeights>(on_host), /*policy_version=*/3);
  const auto received = receiver.ReceiveNewer("a", -1, SteadyNow() + absl::Seconds(20));
  ASSERT_TRUE(received.ok()) << received.status();
  ASSERT_TRUE(received->has_value());
  EXPECT_EQ((*received)->parameters->device(), gpu_);
  EXPECT_EQ(DigestsOf(*(*received)->parameters), DigestsOf(*weights));  // On the GPU, in operations.
  EXPECT_EQ(DigestsOf(*weights), DigestsOf(*on_host));
}

TEST_F(CudaTest, WhatIsUsedOfTheGpuIsTold) {
  const torch::Tensor mebibyte = torch::zeros({1 << 18}, gpu_);
  std::map<std::string, double> values;
  for (const MetricSample& sample : GpuSamples(gpu_)) values[sample.name] = sample.value;
  EXPECT_GE(values["maspo_gpu_memory_allocated_bytes"], mebibyte.nbytes());
  EXPECT_GE(values["maspo_gpu_memory_reserved_bytes"], values["maspo_gpu_memory_allocated_bytes"]);
  EXPECT_GT(values["maspo_gpu_memory_used_bytes"], values["maspo_gpu_memory_reserved_bytes"]);
  EXPECT_GT(values["maspo_gpu_memory_total_bytes"], values["maspo_gpu_memory_used_bytes"]);
  EXPECT_GE(values["maspo_gpu_utilization_ratio"], 0);
  EXPECT_LE(values["maspo_gpu_utilization_ratio"], 1);
}

}  // namespace
}  // namespace maspo
