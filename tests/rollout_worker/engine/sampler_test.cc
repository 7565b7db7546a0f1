#include "rollout_worker/engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "rollout_worker/engine/random_stream.h"

namespace maspo {
namespace {

using torch::Tensor;

Tensor RandomLogits(int64_t rows, int64_t vocab, uint64_t seed) {
  return torch::randn({rows, vocab}, at::detail::createCPUGenerator(seed)) * 2;
}

// The distribution a row is drawn from, token by token in double precision, as the definition reads.
std::vector<double> Reference(const Tensor& logits_V, const DrawParameters& row) {
  const int64_t vocab = logits_V.size(0);
  std::vector<double> p(vocab);
  const double top = logits_V.max().item<double>();
  for (int64_t v = 0; v < vocab; ++v) p[v] = std::exp((logits_V[v].item<double>() - top) / row.temperature);
  std::vector<int64_t> order(vocab);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return p[a] > p[b]; });
  const auto normalise = [&] {
    const double sum = std::accumulate(p.begin(), p.end(), 0.0);
    for (double& x : p) x /= sum;
  };
  for (int64_t rank = 0; rank < vocab; ++rank) {
    if (row.top_k > 0 && rank >= row.top_k) p[order[rank]] = 0;
  }
  normalise();
  double before = 0;
  for (int64_t rank = 0; rank < vocab; ++rank) {
    const double own = p[order[rank]];
    if (row.top_p < 1 && before >= row.top_p) p[order[rank]] = 0;
    before += own;
  }
  normalise();
  return p;
}

// The first token, in order of id, at which the distribution function exceeds u.
int64_t InverseCdf(const std::vector<double>& p, double u) {
  double sum = 0;
  for (size_t v = 0; v < p.size(); ++v) {
    sum += p[v];
    if (sum > u) return v;
  }
  return -1;
}

TEST(SamplerTest, RowsOfDifferentParametersAgreeWithAStraightforwardReference) {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> uniform(0, 1);
  std::vector<DrawParameters> rows;
  for (const float temperature : {0.3f, 1.0f, 1.7f}) {
    for (const float top_p : {1.0f, 0.95f, 0.5f, 0.01f}) {
      for (const uint32_t top_k : {0u, 1u, 5u, 40u, 1000u}) {
        for (int i = 0; i < 20; ++i) {
          rows.push_back({.temperature = temperature, .top_p = top_p, .top_k = top_k, .uniform = uniform(random)});
        }
      }
    }
  }
  const Tensor logits_BV = RandomLogits(rows.size(), 50, 11);
  const DrawnTokens drawn = DrawTokens(logits_BV, rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    SCOPED_TRACE(testing::Message() << "T " << rows[i].temperature << " p " << rows[i].top_p << " k " << rows[i].top_k);
    const std::vector<double> p = Reference(logits_BV[i], rows[i]);
    EXPECT_EQ(drawn.token_ids[i], InverseCdf(p, rows[i].uniform));
    EXPECT_NEAR(drawn.logprobs[i], std::log(p[drawn.token_ids[i]]), 1e-5);
    const std::vector<double> whole = Reference(logits_BV[i], {.temperature = rows[i].temperature});
    EXPECT_NEAR(drawn.policy_logprobs[i], std::log(whole[drawn.token_ids[i]]), 1e-5);
  }
}

TEST(SamplerTest, GreedyRowsTakeTheLargestLogitAndReportItsUntemperedLogprob) {
  const Tensor logits_BV = RandomLogits(40, 30, 5);
  std::vector<DrawParameters> rows(40);
  for (int i = 0; i < 40; ++i)
    rows[i] = {.temperature = i % 2 ? 0.0f : 0.7f, .top_p = 0.3f, .top_k = 2, .uniform = 0.99f};
  const DrawnTokens drawn = DrawTokens(logits_BV, rows);
  const Tensor logprobs_BV = logits_BV.log_softmax(-1);
  for (int i = 1; i < 40; i += 2) {
    EXPECT_EQ(drawn.token_ids[i], logits_BV[i].argmax().item<int64_t>());
    EXPECT_NEAR(drawn.logprobs[i], logprobs_BV[i].max().item<float>(), 1e-6);
  }
}

TEST(SamplerTest, FrequenciesFollowTheDistribution) {
  constexpr int kDraws = 200000, kChunk = 20000;
  const Tensor logits_V = RandomLogits(1, 24, 8)[0];
  const RandomStream stream({.run_seed = 9, .prompt_id = "x", .visit = 0});
  for (const DrawParameters& base :
       {DrawParameters{}, DrawParameters{.temperature = 0.6f, .top_p = 0.9f, .top_k = 12}}) {
    std::vector<int> counts(24);
    for (int begin = 0; begin < kDraws; begin += kChunk) {
      std::vector<DrawParameters> rows(kChunk, base);
      for (int i = 0; i < kChunk; ++i) rows[i].uniform = stream.Uniform(i % 7, begin + i);
      for (const int64_t token : DrawTokens(logits_V.expand({kChunk, 24}), rows).token_ids) ++counts[token];
    }
    const std::vector<double> p = Reference(logits_V, base);
    double chi_square = 0;
    for (int v = 0; v < 24; ++v) {
      if (p[v] == 0) {
        EXPECT_EQ(counts[v], 0) << "an excluded token was drawn";
      } else {
        chi_square += std::pow(counts[v] - kDraws * p[v], 2) / (kDraws * p[v]);
      }
    }
    EXPECT_LT(chi_square, 49.7);  // 99.9 % quantile of 23 degrees of freedom.
  }
}

TEST(SamplerTest, ExtremeUniformNumbersNeverDrawAnExcludedToken) {
  Tensor logits_BV = torch::full({2, 5}, -std::numeric_limits<float>::infinity());
  logits_BV.select(1, 2).fill_(0.0f);
  logits_BV.select(1, 3).fill_(-1.0f);
  const DrawnTokens drawn =
      DrawTokens(logits_BV, std::vector<DrawParameters>{{.uniform = 0}, {.uniform = 1 - 0x1p-24f}});
  EXPECT_EQ(drawn.token_ids[0], 2);
  EXPECT_EQ(drawn.token_ids[1], 3);
}

TEST(SamplerTest, LogitsThatAreNotFiniteGiveATokenOfTheVocabularyAndANonFiniteLogprob) {
  const Tensor logits_BV = torch::full({1, 5}, std::numeric_limits<float>::quiet_NaN());
  const DrawnTokens drawn = DrawTokens(logits_BV, std::vector<DrawParameters>{{.uniform = 0.5f}});
  EXPECT_GE(drawn.token_ids[0], 0);
  EXPECT_LT(drawn.token_ids[0], 5);
  EXPECT_TRUE(std::isnan(drawn.logprobs[0]));
}

}  // namespace
}  // namespace maspo
