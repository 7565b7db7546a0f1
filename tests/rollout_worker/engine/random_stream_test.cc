#include "rollout_worker/engine/random_stream.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace maspo {
namespace {

using Words4 = std::array<uint32_t, 4>;

// The three vectors of philox4x32 with 10 rounds in Random123's tests/kat_vectors.
TEST(PhiloxTest, AgreesWithRandom123KnownAnswers) {
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}), (Words4{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Words4{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words4{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStreamTest, UniformNumbersFillTheUnitInterval) {
  const RandomStream stream({.run_seed = 7, .prompt_id = "p", .visit = 0});
  std::array<int, 16> bins{};
  constexpr int kDraws = 160000;
  for (int i = 0; i < kDraws; ++i) {
    const float u = stream.Uniform(i % 16, i / 16);
    ASSERT_GE(u, 0.0f);
    ASSERT_LT(u, 1.0f);
    ++bins[static_cast<int>(u * 16)];
  }
  double chi_square = 0;
  for (const int count : bins) chi_square += (count - kDraws / 16.0) * (count - kDraws / 16.0) / (kDraws / 16.0);
  EXPECT_LT(chi_square, 37.7);  // 99.9 % quantile of 15 degrees of freedom.
}

TEST(RandomStreamTest, EveryPartOfTheKeyChangesTheNumber) {
  const StreamKey key{.run_seed = 1, .prompt_id = "a", .visit = 0};
  const std::set<float> numbers = {
      RandomStream(key).Uniform(0, 0),
      RandomStream(key).Uniform(1, 0),
      RandomStream(key).Uniform(0, 1),
      RandomStream({.run_seed = 2, .prompt_id = "a", .visit = 0}).Uniform(0, 0),
      RandomStream({.run_seed = 1, .prompt_id = "b", .visit = 0}).Uniform(0, 0),
      RandomStream({.run_seed = 1, .prompt_id = "a", .visit = 1}).Uniform(0, 0),
  };
  EXPECT_EQ(numbers.size(), 6u);
}

// A change of the key's derivation would silently make every recorded run irreproducible.
TEST(RandomStreamTest, NumbersStayTheSameFromReleaseToRelease) {
  const RandomStream stream({.run_seed = 42, .prompt_id = "gsm8k-17", .visit = 3});
  EXPECT_EQ(stream.Uniform(5, 11), 8151292 * 0x1p-24f);
  EXPECT_EQ(stream.Uniform(0, 0), 648832 * 0x1p-24f);
}

}  // namespace
}  // namespace maspo
