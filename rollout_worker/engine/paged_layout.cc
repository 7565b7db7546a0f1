#include "rollout_worker/engine/paged_layout.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace maspo {
namespace {

int64_t BlocksOf(const StepSegment& segment, int block_tokens) {
  return (segment.begin + segment.length + block_tokens - 1) / block_tokens;
}

}  // namespace

PagedLayout::PagedLayout(std::vector<StepSegment> step_segments, int block_tokens)
    : segments(std::move(step_segments)) {
  std::stable_sort(segments.begin(), segments.end(), [&](const StepSegment& a, const StepSegment& b) {
    return std::tuple(a.length > 1, BlocksOf(a, block_tokens)) < std::tuple(b.length > 1, BlocksOf(b, block_tokens));
  });
  for (const StepSegment& segment : segments) {
    const int64_t first_token = block_T.size();
    for (int64_t p = segment.begin; p < segment.begin + segment.length; ++p) {
      block_T.push_back((*segment.table)[p / block_tokens]);
      offset_T.push_back(p % block_tokens);
    }
    if (segment.length == 1) {
      AddDecodeRow(segment, first_token, block_tokens);
    } else {
      prefills.push_back({.first_token = first_token, .length = segment.length, .past = segment.begin, .block_N = {}});
      prefills.back().block_N.assign(segment.table->begin(), segment.table->begin() + BlocksOf(segment, block_tokens));
    }
  }
  // Rows came in order of their blocks, so only now the width of each bucket is known.
  for (DecodeRows& rows : decode_rows) {
    rows.block_BN.assign(rows.num_rows * rows.blocks_per_row, 0);
    for (int64_t row = 0; row < rows.num_rows; ++row) {
      const BlockTable& table = *segments[rows.first_token + row].table;  // A decode row is one token.
      const int64_t blocks = std::min<int64_t>(table.size(), rows.blocks_per_row);
      std::copy_n(table.begin(), blocks, rows.block_BN.begin() + row * rows.blocks_per_row);
    }
  }
}

void PagedLayout::AddDecodeRow(const StepSegment& segment, int64_t first_token, int block_tokens) {
  const int64_t blocks = BlocksOf(segment, block_tokens);
  const auto fits = [&](const DecodeRows& rows) {
    const int64_t fewest = (rows.keys_B.front() + block_tokens - 1) / block_tokens;
    return 4 * blocks <= 5 * fewest && (rows.num_rows + 1) * blocks * block_tokens <= kMaxTokensPerBucket;
  };
  if (decode_rows.empty() || !fits(decode_rows.back())) decode_rows.emplace_back().first_token = first_token;
  DecodeRows& rows = decode_rows.back();
  ++rows.num_rows;
  rows.blocks_per_row = blocks;
  rows.keys_B.push_back(segment.begin + 1);
}

}  // namespace maspo
