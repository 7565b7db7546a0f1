#include "rollout_worker/engine/block_allocator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace maspo {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

TEST(BlockAllocatorTest, ExtendTakesBlocksOnlyWhenTheLastOneIsFull) {
  BlockAllocator allocator(/*num_blocks=*/4, /*block_tokens=*/8);
  BlockTable table;
  ASSERT_TRUE(allocator.Extend(table, 1));
  EXPECT_THAT(table, SizeIs(1));
  ASSERT_TRUE(allocator.Extend(table, 8));
  EXPECT_THAT(table, SizeIs(1));
  ASSERT_TRUE(allocator.Extend(table, 9));
  EXPECT_THAT(table, SizeIs(2));
  EXPECT_EQ(allocator.num_free(), 2);
}

TEST(BlockAllocatorTest, ExtendTakesNothingWhenBlocksAreShort) {
  BlockAllocator allocator(2, 8);
  BlockTable table;
  ASSERT_TRUE(allocator.Extend(table, 8));
  EXPECT_FALSE(allocator.Extend(table, 25));
  EXPECT_THAT(table, SizeIs(1));
  EXPECT_EQ(allocator.num_free(), 1);
}

TEST(BlockAllocatorTest, ForkSharesFullBlocksAndCopiesThePartialTail) {
  BlockAllocator allocator(4, 8);
  BlockTable table;
  ASSERT_TRUE(allocator.Extend(table, 11));
  const auto fork = allocator.ForkTable(table, 11);
  ASSERT_TRUE(fork.has_value());
  ASSERT_TRUE(fork->copy.has_value());
  EXPECT_EQ(fork->copy->from, table[1]);
  EXPECT_THAT(fork->table, ElementsAre(table[0], fork->copy->to));
  EXPECT_EQ(allocator.use_count(table[0]), 2);
  EXPECT_EQ(allocator.use_count(table[1]), 1);
  EXPECT_EQ(allocator.use_count(fork->copy->to), 1);
}

TEST(BlockAllocatorTest, ForkAtABlockBorderCopiesNothing) {
  BlockAllocator allocator(2, 8);
  BlockTable table;
  ASSERT_TRUE(allocator.Extend(table, 16));
  const auto fork = allocator.ForkTable(table, 16);
  ASSERT_TRUE(fork.has_value());
  EXPECT_FALSE(fork->copy.has_value());
  EXPECT_EQ(fork->table, table);
}

TEST(BlockAllocatorTest, ForkNeedsAFreeBlockForItsCopy) {
  BlockAllocator allocator(2, 8);
  BlockTable table;
  ASSERT_TRUE(allocator.Extend(table, 11));
  EXPECT_FALSE(allocator.ForkTable(table, 11).has_value());
  EXPECT_EQ(allocator.use_count(table[0]), 1);
}

TEST(BlockAllocatorTest, SharedBlockIsFreeAfterItsLastRelease) {
  BlockAllocator allocator(2, 8);
  BlockTable table;
  ASSERT_TRUE(allocator.Extend(table, 16));
  BlockTable fork = allocator.ForkTable(table, 16)->table;
  allocator.Release(table);
  EXPECT_THAT(table, SizeIs(0));
  EXPECT_EQ(allocator.num_free(), 0);
  allocator.Release(fork);
  EXPECT_EQ(allocator.num_free(), 2);
}

}  // namespace
}  // namespace maspo
