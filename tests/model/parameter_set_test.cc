#include "model/parameter_set.h"

#include <gtest/gtest.h>

#include "tests/model/held_weights.h"
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

TEST(ParameterSetTest, CopyTakesAllValues) {
  const auto from = RandomParameters(TinyConfig());
  const auto to = ParameterSet::Allocate(TinyConfig(), torch::kCPU, torch::kFloat32);
  to->CopyFrom(*from);
  EXPECT_EQ(DigestsOf(*to), DigestsOf(*from));
}

}  // namespace
}  // namespace maspo
