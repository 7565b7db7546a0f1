#pragma once

#include <cstdint>
#include <vector>

namespace maspo {

// A prompt and the responses sampled for it. A plain text (score, sft) is a prompt without responses.
struct PackedGroup {
  std::vector<int64_t> prompt;                  // [P], at least one token.
  std::vector<std::vector<int64_t>> responses;  // G of [R_g]; R_g may be 0.
};

// Where every token of a set of groups goes in one packed forward. Prompts are stored once and shared by their
// responses; there is no padding:
//
//   tokens  | prompt 0 | response 0.0 (less its last) | response 0.1 ... | prompt 1 | response 1.0 ...
//
// The last token of a response is predicted but never fed. Pure: no tensor, no device.
struct PackedLayout {
  static PackedLayout Of(const std::vector<PackedGroup>& groups);

  std::vector<int64_t> ids_T;
  std::vector<int64_t> positions_T;  // Within prompt + response.

  // One entry per response token of every response, in order of group, response, position: which packed token predicts
  // it, what it is, and which response it belongs to (numbered over the whole batch, empty responses count).
  std::vector<int64_t> predictor_N;
  std::vector<int64_t> target_N;
  std::vector<int64_t> response_N;

  // Segments for attention: begin and length in ids_T; a response segment also sees all of its prompt's segment.
  struct Segment {
    int64_t begin = 0;
    int64_t length = 0;
    int64_t prompt_begin = 0;  // Of the shared prefix; prompt_length 0 for a prompt itself.
    int64_t prompt_length = 0;
  };
  std::vector<Segment> prompt_segments;
  std::vector<Segment> response_segments;  // Without the empty ones.
  std::vector<int64_t> prompt_lengths;     // Per group.
};

}  // namespace maspo
