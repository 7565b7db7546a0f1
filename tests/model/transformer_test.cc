#include "model/transformer.h"

#include <gtest/gtest.h>

#include "model/logprobs.h"
#include "model/packed_attention.h"
#include "tests/model/gradients.h"
#include "tests/model/tiny_model.h"

namespace maspo {
namespace {

const std::vector<PackedGroup> kGroups = {
    {.prompt = {1, 2, 3, 4, 5}, .responses = {{6, 7, 8}, {9}, {10, 11, 12, 13, 14, 15, 16, 17}, {}, {18, 19}}},
    {.prompt = {20}, .responses = {{21, 22, 23, 24}, {25, 26}}},
    {.prompt = {30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41}, .responses = {{42, 43, 44}}}};

// The plainest use: one sequence, a prompt of everything but the last token.
torch::Tensor HiddenOfSequence(const Transformer& model, const std::vector<int64_t>& ids) {
  const PackedLayout layout = PackedLayout::Of({{.prompt = ids, .responses = {}}});
  PackedAttention attention(layout, torch::kCPU);
  return model.Forward(torch::tensor(layout.ids_T), torch::tensor(layout.positions_T), attention);
}

torch::Tensor LogprobsOneByOne(const Transformer& model, double temperature) {
  std::vector<torch::Tensor> parts;
  for (const PackedGroup& group : kGroups) {
    for (const std::vector<int64_t>& response : group.responses) {
      if (response.empty()) continue;
      std::vector<int64_t> ids = group.prompt;
      ids.insert(ids.end(), response.begin(), response.end() - 1);
      const torch::Tensor hidden = HiddenOfSequence(model, ids).slice(0, group.prompt.size() - 1);
      const torch::Tensor logprobs = (model.Logits(hidden) / temperature).log_softmax(-1);
      parts.push_back(logprobs.gather(-1, torch::tensor(response).unsqueeze(-1)).squeeze(-1));
    }
  }
  return torch::cat(parts);
}

double MaxDifference(const torch::Tensor& a, const torch::Tensor& b) { return (a - b).abs().max().item<double>(); }

class TransformerTest : public ::testing::TestWithParam<bool> {
 protected:
  const ModelConfig config_ = TinyConfig(/*tied=*/GetParam());
  Transformer model_{config_, RandomParameters(config_)};
};

TEST_P(TransformerTest, PackedLogprobsEqualThoseOfEachSequenceAlone) {
  const torch::Tensor packed = ResponseLogprobs(model_, PackedLayout::Of(kGroups), 0.7).logprobs_N;
  EXPECT_LT(MaxDifference(packed, LogprobsOneByOne(model_, 0.7)), 1e-5);
}

TEST_P(TransformerTest, PackedGradientsEqualThoseOfEachSequenceAlone) {
  const torch::Tensor weights = torch::randn({static_cast<int64_t>(PackedLayout::Of(kGroups).target_N.size())});
  BeginGradients(model_.parameters());
  (LogprobsOneByOne(model_, 0.7) * weights).sum().backward();
  const torch::Tensor expected = AllGradients(model_.parameters());
  BeginGradients(model_.parameters());
  (ResponseLogprobs(model_, PackedLayout::Of(kGroups), 0.7).logprobs_N * weights).sum().backward();
  EXPECT_LT(MaxDifference(AllGradients(model_.parameters()), expected), 2e-5 * expected.abs().max().item<double>());
}

// Float64 runs in plain torch operations and padded attention, float32 in our kernels.
TEST_P(TransformerTest, KernelsAgreeWithPlainTorchInDoublePrecision) {
  const PackedLayout layout = PackedLayout::Of(kGroups);
  const auto wide = ParameterSet::Allocate(config_, torch::kCPU, torch::kFloat64);
  wide->CopyFrom(model_.parameters());
  BeginGradients(*wide);
  Transformer reference(config_, wide);
  BeginGradients(model_.parameters());
  const TokenLogprobs actual = ResponseLogprobs(model_, layout, 0.7),
                      expected = ResponseLogprobs(reference, layout, 0.7);
  EXPECT_LT(MaxDifference(actual.logprobs_N, expected.logprobs_N), 1e-5);
  EXPECT_LT(MaxDifference(actual.entropy_N, expected.entropy_N), 1e-5);
  const torch::Tensor weights = torch::randn_like(actual.logprobs_N);
  (actual.logprobs_N * weights).sum().backward();
  (expected.logprobs_N * weights).sum().backward();
  for (size_t i = 0; i < wide->buckets().size(); ++i) {
    const torch::Tensor grads = GradientOf(wide->buckets()[i]);
    EXPECT_LT(MaxDifference(GradientOf(model_.parameters().buckets()[i]), grads),
              2e-5 * grads.abs().max().item<double>())
        << wide->buckets()[i].name;
  }
}

TEST_P(TransformerTest, ATokenGetsTheSameAttentionBitForBitWhateverIsPackedBesideIt) {
  const torch::Tensor q = torch::randn({40, 6, 4}), k = torch::randn({40, 2, 4}), v = torch::randn({40, 2, 4});
  const PackedLayout layout = PackedLayout::Of(kGroups);
  PackedAttention packed(layout, torch::kCPU);
  const int64_t begin = layout.response_segments[1].begin, length = layout.response_segments[1].length;
  const auto alone_rows = [&](const torch::Tensor& x) {
    return torch::cat({x.narrow(0, 0, kGroups[0].prompt.size()), x.narrow(0, begin, length)});
  };
  PackedAttention alone(PackedLayout::Of({{.prompt = kGroups[0].prompt, .responses = {kGroups[0].responses[2]}}}),
                        torch::kCPU);
  const torch::Tensor together = alone_rows(packed.Attend(0, q, k, v));
  EXPECT_TRUE(torch::equal(together, alone.Attend(0, alone_rows(q), alone_rows(k), alone_rows(v))));
}

TEST_P(TransformerTest, GradientsEqualFiniteDifferences) {
  const PackedLayout layout = PackedLayout::Of(kGroups);
  const auto loss = [&] { return ResponseLogprobs(model_, layout, 1.0).logprobs_N.mean(); };
  BeginGradients(model_.parameters());
  loss().backward();
  const torch::NoGradGuard no_grad;
  for (ParameterBucket& bucket : model_.parameters().buckets()) {
    // Along a random direction, the whole bucket at once.
    const torch::Tensor direction = torch::randn_like(bucket.values), origin = bucket.values.clone();
    const double step = 1e-3;
    bucket.values.copy_(origin + step * direction);
    const double above = loss().item<double>();
    bucket.values.copy_(origin - step * direction);
    const double below = loss().item<double>();
    bucket.values.copy_(origin);
    const double slope = (GradientOf(bucket) * direction).sum().item<double>();
    EXPECT_NEAR((above - below) / (2 * step), slope, 2e-3 + 0.02 * std::abs(slope)) << bucket.name;
  }
}

TEST_P(TransformerTest, ALayoutWithoutResponseTokensGivesNoLogprobs) {
  const PackedLayout layout = PackedLayout::Of({{.prompt = {1, 2}, .responses = {{}}}});
  EXPECT_EQ(ResponseLogprobs(model_, layout, 1.0).logprobs_N.numel(), 0);
}

TEST_P(TransformerTest, NewParametersAreUsedByTheNextForward) {
  const torch::Tensor before = HiddenOfSequence(model_, {1, 2, 3});
  auto other = ParameterSet::Allocate(config_, torch::kCPU, torch::kFloat32);
  other->CopyFrom(model_.parameters());
  other->buckets()[1].values.mul_(1.5);
  model_.SetParameters(other);
  EXPECT_GT(MaxDifference(HiddenOfSequence(model_, {1, 2, 3}), before), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Head, TransformerTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Tied" : "Untied"; });

}  // namespace
}  // namespace maspo
