#include "model/parameter_set.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include "tests/model/tiny_model.h"

namespace maspo {
namespace {

TEST(ParameterSetTest, BucketsHoldTheirParametersWithoutGaps) {
  const auto parameters = RandomParameters(TinyConfig(/*tied=*/false));
  for (const ParameterBucket& bucket : parameters->buckets()) {
    int64_t offset = 0;
    for (const Parameter& parameter : bucket.parameters) {
      EXPECT_EQ(parameter.offset, offset) << parameter.name;
      EXPECT_EQ(parameter.view.data_ptr(), bucket.values.data_ptr<float>() + offset) << parameter.name;
      EXPECT_TRUE(parameter.view.is_leaf() && parameter.view.requires_grad()) << parameter.name;
      offset += parameter.view.numel();
    }
    EXPECT_EQ(offset, bucket.values.numel()) << bucket.name;
  }
}

TEST(ParameterSetTest, TiedHeadIsTheEmbedding) {
  const auto tied = RandomParameters(TinyConfig(/*tied=*/true)), untied = RandomParameters(TinyConfig(/*tied=*/false));
  EXPECT_EQ(tied->head().data_ptr(), tied->embedding().data_ptr());
  EXPECT_NE(untied->head().data_ptr(), untied->embedding().data_ptr());
  EXPECT_EQ(untied->num_elements() - tied->num_elements(), untied->head().numel());
}

TEST(ParameterSetTest, DigestIsXxh3OverTheBytesOfAllBuckets) {
  const auto parameters = RandomParameters(TinyConfig());
  std::string bytes;
  for (const ParameterBucket& bucket : parameters->buckets()) {
    bytes.append(static_cast<const char*>(bucket.values.data_ptr()), bucket.values.nbytes());
  }
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  char expected[33];
  std::snprintf(expected, sizeof(expected), "%016lx%016lx", hash.high64, hash.low64);
  EXPECT_EQ(DigestOf(*parameters), expected);
}

TEST(ParameterSetTest, DigestSeesOneChangedBit) {
  const auto parameters = RandomParameters(TinyConfig());
  const std::string before = DigestOf(*parameters);
  float* last = parameters->buckets().back().values.data_ptr<float>() + parameters->buckets().back().values.numel() - 1;
  *last = std::nextafter(*last, 100.f);
  EXPECT_NE(DigestOf(*parameters), before);
}

TEST(ParameterSetTest, ManifestDescribesEveryBucket) {
  const auto parameters = RandomParameters(TinyConfig(), /*trainable=*/false, torch::kBFloat16);
  const v1::WeightManifest manifest = DescribeWeights(*parameters, 5);
  EXPECT_EQ(manifest.policy_version(), 5);
  ASSERT_EQ(manifest.buckets_size(), 4);
  EXPECT_EQ(manifest.buckets(1).name(), "layers.0");
  EXPECT_EQ(manifest.buckets(1).num_bytes(), 2u * parameters->buckets()[1].values.numel());
  EXPECT_EQ(manifest.buckets(1).tensors(1).name(), "layers.0.qkv_proj.weight");
  EXPECT_EQ(manifest.buckets(1).tensors(1).shape(0), 40);
  EXPECT_EQ(manifest.buckets(1).tensors(1).dtype(), "bfloat16");
  EXPECT_EQ(manifest.digest(), DigestOf(*parameters));
}

TEST(ParameterSetTest, CopyTakesAllValues) {
  const auto from = RandomParameters(TinyConfig());
  const auto to = ParameterSet::Allocate(TinyConfig(), torch::kCPU, torch::kFloat32, /*trainable=*/false);
  to->CopyFrom(*from);
  EXPECT_EQ(DigestOf(*to), DigestOf(*from));
}

}  // namespace
}  // namespace maspo
