#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "rollout_worker/engine/block_allocator.h"

namespace maspo {

// One sample of a request. Requests are numbered as they arrive, so a smaller id is an older sequence.
struct SampleId {
  uint64_t request = 0;
  uint32_t sample = 0;
  auto operator<=>(const SampleId&) const = default;
};

// Consecutive tokens of one sequence that a step feeds: its positions begin .. begin + length - 1.
struct StepSegment {
  SampleId id;
  bool is_prefix = false;  // The part of the prompt that the request's samples share; `id.sample` says nothing.
  int64_t begin = 0;
  int64_t length = 0;
  bool samples = false;               // The last fed token predicts the sequence's next token.
  const BlockTable* table = nullptr;  // Holds at least begin + length tokens. Valid until the scheduler's next change.
};

struct StepPlan {
  std::vector<BlockAllocator::Copy> copies;  // To be done before the forward.
  std::vector<StepSegment> segments;         // Of different sequences.
};

// Decides what each forward does: who is prefilled, who decodes, who has to give its blocks back.
//
//   Add -> pending --prefill prefix--> pending --fork each sample--> running --Finish-->
//                                                                    |   ^
//                                             preempted (no blocks) <'   '-- all its tokens are prefilled again
//
// The prefix of a request is its prompt but the last token. It is cached once; a fork shares its full blocks, and each
// sample then feeds the last prompt token itself, so a sample's first token is predicted like all its others.
//
// Order is by age (SampleId). Running sequences grow first; when blocks run out, the youngest holder of blocks loses
// them. Then the oldest waiting ones are admitted, as long as a slot is free and every running sequence could still
// grow by one block; the head of the queue is never overtaken. At least one sequence advances in every step.
//
// Pure: a function of the calls made, no tensor, thread or clock.
class BatchScheduler {
 public:
  struct Options {
    int max_running_sequences = 256;
    int block_tokens = 16;
    int num_blocks = 4096;
    int prefill_tokens_per_step = 4096;  // A longer prefill takes several steps.
  };

  explicit BatchScheduler(const Options& options);

  // Numbers ascend. Prompt and response of one sample fit into the whole cache (the caller has checked).
  void Add(uint64_t request, int64_t prompt_tokens, uint32_t num_samples);

  // The next step; taken as done: each sampling segment's sequence has one more token afterwards.
  StepPlan Plan();

  void Finish(SampleId id);       // A running sample ended.
  void Cancel(uint64_t request);  // Drops whatever is left of it.

  bool has_work() const { return !running_.empty() || !preempted_.empty() || !pending_.empty(); }
  int num_running() const { return static_cast<int>(running_.size()); }
  int num_waiting() const;  // Samples that hold no slot.
  uint64_t num_preemptions() const { return num_preemptions_; }
  const BlockAllocator& allocator() const { return allocator_; }

 private:
  struct Sequence {
    int64_t num_tokens = 0;
    int64_t num_cached = 0;  // The first num_cached tokens are in the cache.
    BlockTable table;
  };
  struct PendingRequest {
    uint32_t num_samples = 0;
    uint32_t next_sample = 0;  // The first one that was not forked yet.
    Sequence prefix;
    bool ready() const { return prefix.num_cached == prefix.num_tokens; }
  };
  struct Step;  // The plan under construction.

  void GrowRunning(Step& step);
  void AdmitWaiting(Step& step);
  // Each false: there is no room, and nobody behind may go first.
  bool Readmit(Step& step);  // The oldest preempted sample.
  bool PrefillPrefix(Step& step, uint64_t request, PendingRequest& pending);
  bool ForkSample(Step& step, uint64_t request, PendingRequest& pending);

  // Adds the sequence's next tokens to the plan, as many as the prefill budget allows.
  void Feed(Step& step, SampleId id, bool is_prefix, Sequence& sequence);

  // True when a waiting sequence may take `num_blocks` free blocks.
  bool MakeRoom(const Step& step, SampleId id, int num_blocks);
  // Frees blocks of sequences younger than `id`, youngest first, until `num_blocks` are free; false when they never
  // are.
  bool EvictYounger(SampleId id, int num_blocks);
  std::optional<SampleId> YoungestHolder() const;
  void Preempt(SampleId id);

  const Options options_;
  BlockAllocator allocator_;
  std::map<SampleId, Sequence> running_;
  std::map<SampleId, Sequence> preempted_;      // Their tables are empty.
  std::map<uint64_t, PendingRequest> pending_;  // Requests with samples that were not forked yet.
  uint64_t num_preemptions_ = 0;
};

}  // namespace maspo
