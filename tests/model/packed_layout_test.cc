#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/packed_batch.h"

namespace maspo {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<PackedGroup> kTwoGroups = {{.prompt = {1, 2, 3}, .responses = {{4, 5}, {}, {6}}},
                                             {.prompt = {7}, .responses = {{8, 9, 10}}}};

TEST(PackedLayoutTest, StoresPromptsOnceAndResponsesWithoutTheirLastToken) {
  const PackedLayout layout = PackedLayout::Of(kTwoGroups);
  EXPECT_THAT(layout.ids_T, ElementsAre(1, 2, 3, 4, 7, 8, 9));
  EXPECT_THAT(layout.positions_T, ElementsAre(0, 1, 2, 3, 0, 1, 2));
  EXPECT_THAT(layout.prompt_lengths, ElementsAre(3, 1));
}

TEST(PackedLayoutTest, EveryResponseTokenIsPredictedByTheTokenBeforeIt) {
  const PackedLayout layout = PackedLayout::Of(kTwoGroups);
  EXPECT_THAT(layout.target_N, ElementsAre(4, 5, 6, 8, 9, 10));
  EXPECT_THAT(layout.predictor_N, ElementsAre(2, 3, 2, 4, 5, 6));
}

TEST(PackedLayoutTest, EmptyResponsesKeepTheirNumber) {
  EXPECT_THAT(PackedLayout::Of(kTwoGroups).response_N, ElementsAre(0, 0, 2, 3, 3, 3));
}

TEST(PackedLayoutTest, ResponseSegmentsPointToTheirPrompt) {
  const PackedLayout layout = PackedLayout::Of(kTwoGroups);
  ASSERT_EQ(layout.prompt_segments.size(), 2u);
  ASSERT_EQ(layout.response_segments.size(), 2u);  // A single-token response is never fed.
  EXPECT_EQ(layout.response_segments[0].begin, 3);
  EXPECT_EQ(layout.response_segments[0].length, 1);
  EXPECT_EQ(layout.response_segments[0].prompt_length, 3);
  EXPECT_EQ(layout.response_segments[1].begin, 5);
  EXPECT_EQ(layout.response_segments[1].length, 2);
  EXPECT_EQ(layout.response_segments[1].prompt_begin, 4);
}

TEST(PackedLayoutTest, TextWithoutResponsesHasNothingToPredict) {
  const PackedLayout layout = PackedLayout::Of({{.prompt = {1, 2}, .responses = {}}});
  EXPECT_THAT(layout.ids_T, ElementsAre(1, 2));
  EXPECT_THAT(layout.target_N, IsEmpty());
}

}  // namespace
}  // namespace maspo
