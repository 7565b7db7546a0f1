#include "model/logprobs.h"

#include <gtest/gtest.h>

#include "tests/model/gradients.h"
#include "tests/model/tiny_model.h"

namespace maspo {
namespace {

double Largest(const torch::Tensor& x) { return x.abs().max().item<double>(); }
double Difference(const torch::Tensor& a, const torch::Tensor& b) { return Largest(a - b); }

class LogprobsTest : public ::testing::Test {
 protected:
  // Log-probabilities and entropy from plain torch operations.
  TokenLogprobs Reference(double temperature) const {
    const torch::Tensor logprobs = (model_.Logits(hidden_) / temperature).log_softmax(-1);
    return {logprobs.gather(-1, target_.unsqueeze(-1)).squeeze(-1), -(logprobs.exp() * logprobs).sum(-1)};
  }

  static constexpr int64_t kRows = 600;
  const ModelConfig config_ = TinyConfig(/*tied=*/false);
  const Transformer model_{config_, TrainableParameters(config_)};
  const torch::Tensor head_ = model_.shared_parameters()->head();
  const torch::Tensor hidden_ = torch::randn({kRows, config_.hidden_size}).requires_grad_();
  const torch::Tensor target_ = torch::randint(0, config_.vocab_size, {kRows}, torch::kInt64);
};

TEST_F(LogprobsTest, AgreeWithPlainLogSoftmaxForEveryChunkSize) {
  for (const double temperature : {1.0, 0.6}) {
    const TokenLogprobs expected = Reference(temperature);
    for (const int64_t limit : {1, 300 * 50, 1 << 20}) {  // 256 rows, 300 rows, and all rows at a time.
      const TokenLogprobs out = LogprobsAndEntropy(hidden_, head_, target_, temperature, limit);
      EXPECT_LT((out.logprobs_N - expected.logprobs_N).abs().max().item<double>(), 1e-5);
      EXPECT_LT((out.entropy_N - expected.entropy_N).abs().max().item<double>(), 1e-5);
    }
  }
}

TEST_F(LogprobsTest, GradientsOfBothAgreeWithPlainLogSoftmax) {
  const torch::Tensor logprob_weights = torch::randn({kRows}), entropy_weights = torch::randn({kRows});
  for (const double logprobs : {0.0, 1.0}) {
    for (const double entropy : {0.0, 1.0}) {
      const auto gradients = [&](const TokenLogprobs& out) {
        return torch::autograd::grad(
            {(logprobs * out.logprobs_N * logprob_weights).sum() + (entropy * out.entropy_N * entropy_weights).sum()},
            {hidden_, head_});
      };
      const auto expected = gradients(Reference(0.6));
      for (const int64_t limit :
           {1, 300 * 50, 1 << 20}) {  // Of three chunks one waits for backward, of two, the only one.
        const auto actual = gradients(LogprobsAndEntropy(hidden_, head_, target_, 0.6, limit));
        for (int i = 0; i < 2; ++i) EXPECT_LE(Difference(actual[i], expected[i]), 1e-5 * Largest(expected[i])) << limit;
      }
    }
  }
}

// The logits that wait for backward become gradients in place.
TEST_F(LogprobsTest, ASecondBackwardGivesTheSameGradients) {
  const TokenLogprobs out = LogprobsAndEntropy(hidden_, head_, target_, 0.6, 300 * 50);
  const torch::Tensor loss = out.logprobs_N.sum() - 2 * out.entropy_N.sum();
  const auto first = torch::autograd::grad({loss}, {hidden_, head_}, {}, /*retain_graph=*/true);
  const auto second = torch::autograd::grad({loss}, {hidden_, head_});
  for (int i = 0; i < 2; ++i) EXPECT_LE(Difference(second[i], first[i]), 1e-6 * Largest(first[i]));
}

TEST_F(LogprobsTest, TorchOperationsGiveTheSameGradientsInFloat64) {
  const auto wide = [](const torch::Tensor& x) { return x.detach().to(torch::kFloat64).requires_grad_(); };
  const torch::Tensor hidden = wide(hidden_), head = wide(head_);
  const auto gradients = [](const TokenLogprobs& out, const torch::Tensor& h, const torch::Tensor& w) {
    return torch::autograd::grad({out.logprobs_N.sum() - 2 * out.entropy_N.sum()}, {h, w});
  };
  const auto plain = gradients(LogprobsAndEntropy(hidden, head, target_, 0.6, 1), hidden, head);
  const auto kernel = gradients(LogprobsAndEntropy(hidden_, head_, target_, 0.6, 1), hidden_, head_);
  for (int i = 0; i < 2; ++i) EXPECT_LE(Difference(kernel[i], plain[i]), 1e-5 * Largest(plain[i]));
}

}  // namespace
}  // namespace maspo
