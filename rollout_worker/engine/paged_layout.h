#pragma once

#include <cstdint>
#include <vector>

#include "rollout_worker/engine/batch_scheduler.h"

namespace maspo {

// Where the tokens of one step stand in its packed batch, and which cache blocks they write and read:
//
//   tokens  | decode rows, one token each, few blocks first | prefill | prefill | ...
//            '-- DecodeRows --'-- DecodeRows --'
//
// Decode rows of similar length attend together, padded to the longest of them. Pure: no tensor, no device.
struct PagedLayout {
  // Bounds on what is gathered at a time: the buffers of a bucket stay in the CPU's cache, padding within a quarter.
  static constexpr int64_t kMaxTokensPerBucket = 8192;

  PagedLayout(std::vector<StepSegment> step_segments, int block_tokens);

  struct DecodeRows {
    int64_t first_token = 0;        // In the packed batch.
    int64_t num_rows = 0;           // B
    int64_t blocks_per_row = 0;     // N
    std::vector<int64_t> block_BN;  // Padded with some block; its tokens are beyond keys_B.
    std::vector<int64_t> keys_B;    // Tokens a row attends to, itself included.
  };
  struct Prefill {
    int64_t first_token = 0;
    int64_t length = 0;
    int64_t past = 0;              // Tokens before the first one that are in the cache already.
    std::vector<int64_t> block_N;  // Of past + length tokens.
  };

  std::vector<StepSegment> segments;  // In packed order.
  std::vector<int64_t> block_T;       // Where a token's keys and values are written.
  std::vector<int64_t> offset_T;      // Within its block.
  std::vector<DecodeRows> decode_rows;
  std::vector<Prefill> prefills;

 private:
  void AddDecodeRow(const StepSegment& segment, int64_t first_token, int block_tokens);
};

}  // namespace maspo
