#include "rollout_worker/engine/paged_kv_cache.h"

#include <gtest/gtest.h>

#include "rollout_worker/engine/paged_attention.h"
#include "tests/rollout_worker/engine/random_model.h"

namespace maspo {
namespace {

using torch::Tensor;

constexpr int kBlockTokens = 4;

// A sequence's queries, keys and values of one layer, [tokens, heads, D], and plain attention over them.
struct Tokens {
  Tensor q_THD, k_TKD, v_TKD;

  static Tokens Random(int64_t count) {
    return {torch::randn({count, 4, 8}), torch::randn({count, 2, 8}), torch::randn({count, 2, 8})};
  }
  Tokens Slice(int64_t begin, int64_t length) const {
    return {q_THD.narrow(0, begin, length), k_TKD.narrow(0, begin, length), v_TKD.narrow(0, begin, length)};
  }
  // What token `t` sees: query head h reads key/value head h / 2.
  Tensor Expected(int64_t t) const {
    std::vector<Tensor> heads;
    for (int h = 0; h < 4; ++h) {
      const Tensor scores_T = k_TKD.select(1, h / 2).narrow(0, 0, t + 1).mv(q_THD[t][h]) / std::sqrt(8.0);
      heads.push_back(v_TKD.select(1, h / 2).narrow(0, 0, t + 1).t().mv(scores_T.softmax(-1)));
    }
    return torch::stack(heads);
  }
};

struct Fed {
  const Tokens* tokens;
  int64_t begin, length;
  const BlockTable* table;
};

// Feeds the pieces in one forward and compares every token's result with plain attention over its whole sequence.
void AttendAndCompare(PagedKvCache& cache, const std::vector<Fed>& pieces) {
  std::vector<StepSegment> segments;
  for (size_t i = 0; i < pieces.size(); ++i) {
    segments.push_back({.id = {i, 0}, .begin = pieces[i].begin, .length = pieces[i].length, .table = pieces[i].table});
  }
  const PagedLayout layout(segments, kBlockTokens);
  std::vector<Tensor> q, k, v;
  for (const StepSegment& segment : layout.segments) {
    const Tokens slice = pieces[segment.id.request].tokens->Slice(segment.begin, segment.length);
    q.push_back(slice.q_THD);
    k.push_back(slice.k_TKD);
    v.push_back(slice.v_TKD);
  }
  PagedAttention attention(layout, cache);
  const Tensor out_THD = attention.Attend(1, torch::cat(q), torch::cat(k), torch::cat(v));
  int64_t row = 0;
  for (const StepSegment& segment : layout.segments) {
    for (int64_t t = segment.begin; t < segment.begin + segment.length; ++t, ++row) {
      const Tensor expected = pieces[segment.id.request].tokens->Expected(t);
      EXPECT_LT((out_THD[row] - expected).abs().max().item<float>(), 1e-5)
          << "sequence " << segment.id.request << " at " << t;
    }
  }
}

class PagedKvCacheTest : public ::testing::Test {
 protected:
  PagedKvCacheTest() { torch::manual_seed(1); }
  BlockTable Allocate(int64_t tokens) {
    BlockTable table;
    EXPECT_TRUE(allocator_.Extend(table, tokens));
    return table;
  }
  BlockAllocator allocator_{/*num_blocks=*/24, kBlockTokens};
  PagedKvCache cache_{SmallConfig(), 24, kBlockTokens, torch::kFloat32};
};

TEST_F(PagedKvCacheTest, PrefillChunksAndDecodeRowsSeeTheirWholePast) {
  const Tokens a = Tokens::Random(11), b = Tokens::Random(3), c = Tokens::Random(30);
  const BlockTable table_a = Allocate(11), table_b = Allocate(3), table_c = Allocate(30);
  AttendAndCompare(cache_, {{&a, 0, 9, &table_a}, {&b, 0, 1, &table_b}, {&c, 0, 5, &table_c}});
  AttendAndCompare(cache_, {{&a, 9, 1, &table_a}, {&b, 1, 1, &table_b}, {&c, 5, 22, &table_c}});
  AttendAndCompare(cache_, {{&a, 10, 1, &table_a}, {&b, 2, 1, &table_b}, {&c, 27, 1, &table_c}});
  AttendAndCompare(cache_, {{&c, 28, 2, &table_c}});
}

TEST_F(PagedKvCacheTest, ForkedSequencesShareThePastAndWriteApart) {
  const Tokens a = Tokens::Random(13);
  Tokens b = Tokens::Random(13);
  for (const auto& [to, from] : {std::pair{b.q_THD, a.q_THD}, {b.k_TKD, a.k_TKD}, {b.v_TKD, a.v_TKD}}) {
    to.narrow(0, 0, 10).copy_(from.narrow(0, 0, 10));
  }
  BlockTable table_a = Allocate(10);
  AttendAndCompare(cache_, {{&a, 0, 10, &table_a}});
  BlockAllocator::Fork fork = *allocator_.ForkTable(table_a, 10);
  cache_.CopyBlocks({*fork.copy});
  ASSERT_TRUE(allocator_.Extend(table_a, 13) && allocator_.Extend(fork.table, 13));
  for (int64_t t = 10; t < 13; ++t) AttendAndCompare(cache_, {{&a, t, 1, &table_a}, {&b, t, 1, &fork.table}});
}

TEST_F(PagedKvCacheTest, PreemptedBlocksAreReused) {
  const Tokens old_one = Tokens::Random(20), young_one = Tokens::Random(96);
  BlockTable old_table = Allocate(9), young_table = Allocate(84);
  ASSERT_EQ(allocator_.num_free(), 0);
  AttendAndCompare(cache_, {{&old_one, 0, 9, &old_table}, {&young_one, 0, 84, &young_table}});
  const BlockTable freed = young_table;
  allocator_.Release(young_table);
  ASSERT_TRUE(allocator_.Extend(old_table, 20));
  EXPECT_NE(std::find(freed.begin(), freed.end(), old_table.back()), freed.end());
  AttendAndCompare(cache_, {{&old_one, 9, 11, &old_table}});
  // Prefilled again, into other blocks, beside the one that took its place.
  ASSERT_TRUE(allocator_.Extend(young_table, 70));
  AttendAndCompare(cache_, {{&young_one, 0, 70, &young_table}, {&old_one, 19, 1, &old_table}});
}

}  // namespace
}  // namespace maspo
