#include "model/logprobs.h"

#include <gtest/gtest.h>

#include "tests/model/tiny_model.h"

namespace maspo {
namespace {

class LogprobsTest : public ::testing::Test {
 protected:
  // Log-probabilities and entropy from plain torch operations.
  TokenLogprobs Reference(double temperature) const {
    const torch::Tensor logprobs = (model_.Logits(hidden_) / temperature).log_softmax(-1);
    return {logprobs.gather(-1, target_.unsqueeze(-1)).squeeze(-1), -(logprobs.exp() * logprobs).sum(-1).detach()};
  }

  const ModelConfig config_ = TinyConfig(/*tied=*/false);
  const Transformer model_{config_, RandomParameters(config_)};
  const torch::Tensor hidden_ = torch::randn({9, config_.hidden_size}).requires_grad_();
  const torch::Tensor target_ = torch::randint(0, config_.vocab_size, {9}, torch::kInt64);
};

TEST_F(LogprobsTest, AgreeWithPlainLogSoftmaxForEveryChunkSize) {
  for (const double temperature : {1.0, 0.6}) {
    const TokenLogprobs expected = Reference(temperature);
    for (const int64_t limit : {1, 150, 1 << 20}) {  // One row, three rows, and all rows at a time.
      const TokenLogprobs out = LogprobsAndEntropy(model_, hidden_, target_, temperature, limit);
      EXPECT_LT((out.logprobs_N - expected.logprobs_N).abs().max().item<double>(), 1e-5);
      EXPECT_LT((out.entropy_N - expected.entropy_N).abs().max().item<double>(), 1e-5);
    }
  }
}

TEST_F(LogprobsTest, GradientsAgreeWithPlainLogSoftmax) {
  const torch::Tensor weights = torch::randn({9});
  const torch::Tensor head = model_.shared_parameters()->head();
  const auto gradients = [&](const torch::Tensor& logprobs) {
    return torch::autograd::grad({(logprobs * weights).sum()}, {hidden_, head});
  };
  const auto expected = gradients(Reference(0.6).logprobs_N);
  const auto actual = gradients(LogprobsAndEntropy(model_, hidden_, target_, 0.6, 150).logprobs_N);
  EXPECT_LT((actual[0] - expected[0]).abs().max().item<double>(), 1e-5);
  EXPECT_LT((actual[1] - expected[1]).abs().max().item<double>(), 1e-5);
}

TEST_F(LogprobsTest, EntropyCarriesNoGradient) {
  EXPECT_FALSE(LogprobsAndEntropy(model_, hidden_, target_, 1.0).entropy_N.requires_grad());
}

}  // namespace
}  // namespace maspo
