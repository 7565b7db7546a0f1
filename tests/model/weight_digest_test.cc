#include "model/weight_digest.h"

#include <gtest/gtest.h>

#include "tests/model/held_weights.h"
#include "tests/model/tiny_model.h"

namespace maspo {
namespace {

using torch::Tensor;

Tensor Random(int64_t count, torch::Dtype dtype) {
  torch::manual_seed(3);
  return torch::randn({count}).to(dtype);
}

// Computed by
//
//   def digest(data, first=0):
//     data += b"\0" * (-len(data) % 8); s = 0
//     for i in range(len(data) // 8):
//       x = struct.unpack_from("<Q", data, 8 * i)[0] ^ ((first + i + 1) * 0x9e3779b97f4a7c15 & M)
//       x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & M; x = (x ^ x >> 27) * 0x94d049bb133111eb & M; s += x ^ x >> 31
//     return s & M                                                                   with M = 2 ** 64 - 1
TEST(WeightDigestTest, IsTheSumThatItSays) {
  EXPECT_EQ(DigestOf(torch::arange(7, torch::kFloat32) * 0.5 - 1), 0xf951904f17c17df9);              // "<7f"
  EXPECT_EQ(DigestOf(torch::tensor({1.0f, -2.0f, 0.0f}).to(torch::kBFloat16)), 0x5482d5d52134b8c0);  // "<3H"
  EXPECT_EQ(DigestOf(torch::tensor({1.0f, 2.0f, 3.0f, 4.0f}), /*first_element=*/20), 0x5bde80f12ee060e0);
  EXPECT_EQ(DigestOf(torch::empty({0})), 0);
}

TEST(WeightDigestTest, IsTheSameInOperationsOfTheLibrary) {
  for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
    for (const int64_t count : {1, 2, 3, 4, 5, 1000, 4099}) {
      const Tensor values = Random(count, dtype);
      EXPECT_EQ(DigestByOperations(values, 1024), DigestOf(values, 1024)) << count;
    }
  }
  const Tensor more_than_at_once = Random((int64_t{1} << 23) + 1027, torch::kFloat32);
  EXPECT_EQ(DigestByOperations(more_than_at_once), DigestOf(more_than_at_once));
}

TEST(WeightDigestTest, PartsAddUp) {
  for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
    const Tensor whole = Random(1003, dtype);
    const uint64_t sum = DigestOf(whole.narrow(0, 0, 256)) + DigestOf(whole.narrow(0, 256, 512), 256) +
                         DigestOf(whole.narrow(0, 768, 235), 768);
    EXPECT_EQ(sum, DigestOf(whole));
  }
}

TEST(WeightDigestTest, SeesOneBitAndWhereItIs) {
  Tensor values = torch::zeros({64});
  const uint64_t zeros = DigestOf(values);
  float* const numbers = values.data_ptr<float>();
  numbers[63] = std::nextafter(0.0f, 1.0f);
  const uint64_t last = DigestOf(values);
  std::swap(numbers[63], numbers[31]);
  EXPECT_NE(last, zeros);
  EXPECT_NE(DigestOf(values), last);
  EXPECT_NE(DigestOf(values), zeros);
  EXPECT_NE(DigestOf(torch::zeros({66})), zeros);
}

TEST(WeightManifestTest, DescribesEveryBucket) {
  const auto parameters = RandomParameters(TinyConfig(), torch::kBFloat16);
  const v1::WeightManifest manifest = Describe(*parameters, 5);
  EXPECT_EQ(manifest.policy_version(), 5);
  ASSERT_EQ(manifest.buckets_size(), 4);
  EXPECT_EQ(manifest.buckets(1).name(), "layers.0");
  EXPECT_EQ(manifest.buckets(1).num_bytes(), 2u * parameters->buckets()[1].values.numel());
  EXPECT_EQ(manifest.buckets(1).tensors(1).name(), "layers.0.qkv_proj.weight");
  EXPECT_EQ(manifest.buckets(1).tensors(1).shape(0), 40);
  EXPECT_EQ(manifest.buckets(1).tensors(1).dtype(), "bfloat16");
  EXPECT_EQ(manifest.buckets(1).digest(), DigestOf(parameters->buckets()[1].values));
}

}  // namespace
}  // namespace maspo
