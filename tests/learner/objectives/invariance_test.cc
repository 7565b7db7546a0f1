// What a mini-batch's loss and gradient must not depend on: its split into micro-batches, the order of its responses,
// padding, and the number of ranks. In double precision, to 1e-6 relative.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "learner/objectives/policy_measurement.h"
#include "tests/learner/objectives/objective_inputs.h"

namespace maspo {
namespace {

using torch::Tensor;

constexpr const char* kModes[] = {"token-mean",          "seq-mean-token-sum",
                                  "seq-mean-token-mean", "seq-mean-token-sum-norm",
                                  "group-token-mean",    "all-seq-mean-token-mean"};

const std::vector<int64_t>& Lengths() {
  static const auto& lengths = *new std::vector<int64_t>{17, 0, 3, 40, 1, 25, 14, 0, 9, 31, 2, 8};
  return lengths;
}

// Responses in groups of four.
MiniBatchShape ShapeOf(const std::vector<int64_t>& order) {
  MiniBatchShape shape;
  shape.max_response_tokens = 64;
  for (const int64_t response : order) {
    shape.response_tokens.push_back(Lengths()[response]);
    shape.group.push_back(response / 4);
  }
  return shape;
}

// The tokens of `responses`, in this order, cut out of the whole.
Tensor PlacesOf(const ObjectiveInputs& whole, const std::vector<int64_t>& responses) {
  std::vector<Tensor> places = {torch::empty({0}, torch::kLong)};
  for (const int64_t response : responses) places.push_back((whole.response_T == response).nonzero().squeeze(-1));
  return torch::cat(places);
}

ObjectiveInputs Cut(const ObjectiveInputs& whole, const std::vector<int64_t>& responses) {
  const Tensor places = PlacesOf(whole, responses);
  const auto pick = [&](const Tensor& x_T) { return x_T.detach().index_select(0, places); };
  ObjectiveInputs part;
  part.logprobs_T = pick(whole.logprobs_T).requires_grad_();
  part.old_logprobs_T = pick(whole.old_logprobs_T);
  part.advantages_T = pick(whole.advantages_T);
  part.entropy_T = pick(whole.entropy_T);
  part.reference_logprobs_T = pick(whole.reference_logprobs_T);
  part.key_T = pick(whole.key_T);
  std::vector<int64_t> lengths;
  for (const int64_t response : responses) lengths.push_back(Lengths()[response]);
  part.num_responses = static_cast<int64_t>(responses.size());
  part.response_T = torch::repeat_interleave(torch::arange(part.num_responses), torch::tensor(lengths, torch::kLong));
  return part;
}

// Loss and the gradient of every token of the whole mini-batch, in the whole's order.
struct Evaluated {
  double loss = 0;
  Tensor gradient_T;
};

// Evaluates `order` in parts of the given numbers of responses, as an update does.
Evaluated Evaluate(const PolicyObjective& objective, const ObjectiveInputs& whole, v1::Aggregation aggregation,
                   const std::vector<int64_t>& order, const std::vector<int64_t>& responses_of_part) {
  const std::vector<double> weight_of = ResponseWeights(aggregation, ShapeOf(order));
  const auto bound = objective.traits().mini_batch ? objective.BoundTo(Cut(whole, order)) : nullptr;
  Evaluated result{.gradient_T = torch::zeros_like(whole.old_logprobs_T)};
  int64_t first_token = 0;
  auto next = order.begin();
  for (const int64_t count : responses_of_part) {
    const std::vector<int64_t> responses(next, next + count);
    ObjectiveInputs part = Cut(whole, responses);
    part.first_token = first_token;
    std::vector<double> weights(weight_of.begin() + (next - order.begin()),
                                weight_of.begin() + (next - order.begin()) + count);
    const Tensor weights_T = torch::tensor(weights, torch::kDouble).index_select(0, part.response_T);
    const Tensor loss = torch::sum((bound ? *bound : objective).Evaluate(part).loss_T * weights_T);
    if (part.logprobs_T.numel() > 0) {
      loss.backward();
      result.gradient_T.index_put_({PlacesOf(whole, responses)}, part.logprobs_T.grad());
    }
    result.loss += loss.item<double>();
    first_token += part.logprobs_T.numel();
    next += count;
  }
  return result;
}

std::vector<int64_t> RandomParts(std::mt19937& random, int64_t total) {
  std::vector<int64_t> parts;
  for (int64_t left = total; left > 0; left -= parts.back()) {
    parts.push_back(std::uniform_int_distribution<int64_t>(1, left)(random));
  }
  return parts;
}

void ExpectSame(const Evaluated& got, const Evaluated& want, const std::string& what) {
  EXPECT_NEAR(got.loss, want.loss, 1e-6 * std::abs(want.loss) + 1e-12) << what;
  EXPECT_TRUE(AllClose(got.gradient_T, want.gradient_T, 1e-6, 1e-12)) << what;
}

std::vector<int64_t> InOrder() {
  std::vector<int64_t> order(Lengths().size());
  std::iota(order.begin(), order.end(), 0);
  return order;
}

v1::ObjectiveConfig WithSelections(const std::string& name) {
  v1::ObjectiveConfig config = Named(name);
  if (name == "clip_cov" || name == "kl_cov") config.set_select_ratio(0.1);
  if (name == "clip_cov") config.set_cov_low(0.1);
  return config;
}

TEST(InvarianceTest, LossAndGradientDependNeitherOnSplitNorOnOrder) {
  std::mt19937 random(1);
  const ObjectiveInputs whole = RandomResponses(Lengths(), 6, torch::kDouble);
  for (const char* name : kAllObjectives) {
    const auto objective = *MakeObjective(WithSelections(name));
    for (const char* mode : kModes) {
      const v1::Aggregation aggregation = FromSpelling<v1::Aggregation>(mode).value();
      std::vector<int64_t> order = InOrder();
      const auto all = static_cast<int64_t>(order.size());
      const Evaluated want = Evaluate(*objective, whole, aggregation, order, {all});
      EXPECT_GT(want.gradient_T.abs().sum().item<double>(), 0) << name;
      for (int trial = 0; trial < 3; ++trial) {
        std::shuffle(order.begin(), order.end(), random);
        ExpectSame(Evaluate(*objective, whole, aggregation, order, RandomParts(random, all)), want,
                   std::string(name) + " " + mode);
      }
    }
  }
}

// Garbage between the tokens of a padded matrix never reaches an objective: it is given packed tokens. The weights know
// of it only through the width.
TEST(InvarianceTest, EmptyResponsesChangeNothingButTheMeanOverAllResponses) {
  const std::vector<int64_t> order = InOrder();
  std::vector<int64_t> with_tokens;
  for (const int64_t response : order) {
    if (Lengths()[response] > 0) with_tokens.push_back(response);
  }
  const ObjectiveInputs whole = RandomResponses(Lengths(), 7, torch::kDouble);
  for (const char* mode : kModes) {
    const v1::Aggregation aggregation = FromSpelling<v1::Aggregation>(mode).value();
    const auto objective = ObjectiveNamed("maspo");
    const Evaluated all = Evaluate(*objective, whole, aggregation, order, {static_cast<int64_t>(order.size())});
    const Evaluated without =
        Evaluate(*objective, whole, aggregation, with_tokens, {static_cast<int64_t>(with_tokens.size())});
    const bool counts_them = aggregation == v1::AGGREGATION_ALL_SEQ_MEAN_TOKEN_MEAN;
    EXPECT_NEAR(all.loss * (counts_them ? 12. / 10 : 1), without.loss, 1e-12) << mode;
  }
}

// P ranks that know the totals add up to the whole; where their gradients are averaged, P makes up for it.
TEST(InvarianceTest, RanksWithTheTotalsAddUpToTheWhole) {
  const MiniBatchShape whole = ShapeOf(InOrder());
  for (const char* mode : {"token-mean", "seq-mean-token-sum", "seq-mean-token-mean"}) {
    const v1::Aggregation aggregation = FromSpelling<v1::Aggregation>(mode).value();
    const std::vector<double> want = ResponseWeights(aggregation, whole);
    for (const int ranks : {1, 2, 3, 4}) {
      for (const bool averaged : {false, true}) {
        for (int rank = 0; rank < ranks; ++rank) {
          MiniBatchShape part;
          part.all_tokens = 150;
          part.all_responses = 10;
          part.averaged_ranks = averaged ? ranks : 1;
          std::vector<double> expected;
          for (size_t i = rank; i < want.size(); i += ranks) {
            part.response_tokens.push_back(whole.response_tokens[i]);
            part.group.push_back(whole.group[i]);
            expected.push_back(want[i]);
          }
          const std::vector<double> got = ResponseWeights(aggregation, part);
          for (size_t i = 0; i < got.size(); ++i) {
            EXPECT_NEAR(got[i] / (averaged ? ranks : 1), expected[i], 1e-12) << mode << " rank " << rank;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace maspo
