#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "model/fused_ops.h"
#include "model/kernels/parallel.h"
#include "model/kernels/simd.h"
#include "model/packed_attention.h"
#include "model/padded_attention.h"

namespace maspo {
namespace {

using torch::Tensor;

// Runs f on copies in `dtype` (our kernels) and on float64 copies of those (plain torch), and compares the outputs and
// the gradients of all inputs along a random direction. Bounds are relative to the largest value above 1.
void ExpectKernelAgrees(const std::function<Tensor(const std::vector<Tensor>&)>& f, const std::vector<Tensor>& inputs,
                        torch::Dtype dtype, double bound) {
  std::vector<Tensor> narrow, wide;
  for (const Tensor& x : inputs) {
    narrow.push_back(x.to(dtype, /*non_blocking=*/false, /*copy=*/true).requires_grad_());
    wide.push_back(narrow.back().detach().to(torch::kFloat64).requires_grad_());
  }
  const Tensor actual = f(narrow), expected = f(wide);
  ASSERT_EQ(actual.scalar_type(), dtype);
  const auto expect_near = [&](const Tensor& x, const Tensor& y, const std::string& what) {
    const double scale = std::max(1.0, y.abs().max().item<double>());
    ASSERT_LT((x - y).abs().max().item<double>(), bound * scale) << what << " in " << torch::toString(dtype);
  };
  expect_near(actual, expected, "output");
  const Tensor direction = torch::randn_like(actual);
  const auto actual_grads = torch::autograd::grad({actual}, narrow, {direction});
  const auto expected_grads = torch::autograd::grad({expected}, wide, {direction.to(torch::kFloat64)});
  for (size_t i = 0; i < inputs.size(); ++i) {
    expect_near(actual_grads[i], expected_grads[i], absl::StrCat("gradient of input ", i));
  }
}

// Bfloat16 rounds to 2^-9 of a value at a function's end.
void ExpectKernelAgrees(const std::function<Tensor(const std::vector<Tensor>&)>& f, const std::vector<Tensor>& inputs,
                        double bfloat16_bound = 1.0 / 256) {
  ExpectKernelAgrees(f, inputs, torch::kFloat32, 2e-5);
  ExpectKernelAgrees(f, inputs, torch::kBFloat16, bfloat16_bound);
}

TEST(KernelsTest, ExpIsPreciseOverItsRangeAndKeepsNan) {
  for (float x = -87.0f; x < 88.0f; x += 0.0137f) {
    EXPECT_NEAR(kernels::Exp(x) / std::exp(static_cast<double>(x)), 1.0, 3e-7) << x;
  }
  EXPECT_LT(kernels::Exp(-std::numeric_limits<float>::infinity()), 2e-38f);
  EXPECT_TRUE(std::isnan(kernels::Exp(std::numeric_limits<float>::quiet_NaN())));
}

TEST(KernelsTest, RmsNormAgreesForEveryWidth) {
  for (const int64_t width : {1, 7, 8, 33, 128}) {
    ExpectKernelAgrees([](const auto& in) { return RmsNorm(in[0], in[1], 1e-5); },
                       {torch::randn({600, width}), torch::randn({width})});
  }
}

TEST(KernelsTest, SwiGluAgreesForEveryWidth) {
  for (const int64_t width : {1, 5, 16, 77}) {
    ExpectKernelAgrees([](const auto& in) { return SwiGlu(in[0]); }, {3 * torch::randn({300, 2 * width})});
  }
}

TEST(KernelsTest, RotationAgreesForEveryHeadDimension) {
  for (const int64_t half : {1, 3, 8, 20}) {
    const Tensor angles = 10 * torch::rand({300, 1, half});
    const Tensor cos = angles.cos().to(torch::kBFloat16), sin = angles.sin().to(torch::kBFloat16);
    ExpectKernelAgrees(
        [&](const auto& in) {
          const auto [q, k, v] = SplitAndRotate(in[0], cos.to(in[0].scalar_type()), sin.to(in[0].scalar_type()), 6, 2);
          return torch::cat({q, 2 * k, 3 * v}, 1);
        },
        {torch::randn({300, 10 * 2 * half})});
  }
}

struct AttentionCase {
  int64_t num_heads, num_kv_heads, head_dim;
};

class AttentionKernelTest : public ::testing::TestWithParam<AttentionCase> {};

TEST_P(AttentionKernelTest, AgreesWithPaddedAttention) {
  std::vector<PackedGroup> groups;
  const auto text = [](int64_t length) { return std::vector<int64_t>(length, 1); };
  groups.push_back({.prompt = text(35), .responses = {text(30), text(2), text(1), text(0), text(70), text(9)}});
  groups.push_back({.prompt = text(1), .responses = {text(200)}});
  groups.push_back({.prompt = text(130), .responses = {}});
  const PackedLayout layout = PackedLayout::Of(groups);
  const int64_t tokens = layout.ids_T.size();
  const AttentionCase& c = GetParam();
  PackedAttention packed(layout, torch::kCPU);
  PaddedAttention padded(layout, torch::kCPU);
  ExpectKernelAgrees(
      [&](const auto& in) {
        AttentionContext& attention = HasCpuKernel(in[0]) ? static_cast<AttentionContext&>(packed) : padded;
        return attention.Attend(0, in[0], in[1], in[2]);
      },
      {2 * torch::randn({tokens, c.num_heads, c.head_dim}), 2 * torch::randn({tokens, c.num_kv_heads, c.head_dim}),
       torch::randn({tokens, c.num_kv_heads, c.head_dim})},
      /*bfloat16_bound=*/1.0 / 64);  // Backward reads the rounded output, and sums over up to 200 queries.
}

INSTANTIATE_TEST_SUITE_P(Shapes, AttentionKernelTest,
                         ::testing::Values(AttentionCase{4, 2, 32}, AttentionCase{3, 3, 6}, AttentionCase{7, 1, 10},
                                           AttentionCase{12, 2, 16}));

TEST(KernelsTest, ResultsDoNotDependOnTheNumberOfThreads) {
  const Tensor x = torch::randn({2000, 64}), weight = torch::randn({64}).requires_grad_(),
               direction = torch::randn({2000, 64});
  const auto gradient = [&] { return torch::autograd::grad({RmsNorm(x, weight, 1e-6)}, {weight}, {direction})[0]; };
  const int threads = torch::get_num_threads();
  torch::set_num_threads(1);
  const Tensor one = gradient();
  torch::set_num_threads(3);
  const Tensor three = gradient();
  torch::set_num_threads(threads);
  EXPECT_TRUE(torch::equal(one, three));
}

TEST(KernelsTest, ParallelForCallsEveryTaskOnce) {
  const int threads = torch::get_num_threads();
  torch::set_num_threads(4);
  std::vector<int> calls(1000);
  kernels::ParallelFor(calls.size(), [&](int64_t task) { ++calls[task]; });
  torch::set_num_threads(threads);
  EXPECT_EQ(calls, std::vector<int>(1000, 1));
}

}  // namespace
}  // namespace maspo
