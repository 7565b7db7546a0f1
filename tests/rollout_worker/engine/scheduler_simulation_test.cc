// Drives the scheduler through random workloads against a model of the cache's contents: which token of which sequence
// each slot holds. Whatever the scheduler decides, a fed token must find all its predecessors in its own table.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <utility>
#include <vector>

#include "rollout_worker/engine/batch_scheduler.h"

namespace maspo {
namespace {

struct Workload {
  int max_running, block_tokens, num_blocks, prefill_budget;
};

class SchedulerSimulation {
 public:
  SchedulerSimulation(const Workload& load, uint64_t seed)
      : load_(load),
        random_(seed),
        scheduler_({.max_running_sequences = load.max_running,
                    .block_tokens = load.block_tokens,
                    .num_blocks = load.num_blocks,
                    .prefill_tokens_per_step = load.prefill_budget}),
        slots_(load.num_blocks * load.block_tokens) {}

  void Run(int num_requests) {
    int added = 0;
    for (int step = 0; added < num_requests || scheduler_.has_work(); ++step) {
      ASSERT_LT(step, 200000) << "the workload does not end";
      while (added < num_requests && (Draw(1, 4) == 1 || !scheduler_.has_work())) AddRequest(added++);
      if (Draw(1, 60) == 1 && !requests_.empty()) CancelOne();
      if (scheduler_.has_work()) Step();
      if (::testing::Test::HasFatalFailure()) return;
    }
    EXPECT_EQ(scheduler_.allocator().num_free(), load_.num_blocks) << "blocks leaked";
    EXPECT_TRUE(requests_.empty()) << "samples never finished";
  }

  uint64_t preemptions() const { return scheduler_.num_preemptions(); }

 private:
  // A token is named by its sequence and position; prompt tokens are the same for all samples of a request.
  using Token = std::pair<SampleId, int64_t>;
  struct Request {
    int64_t prompt_tokens;
    std::map<uint32_t, int64_t> length_of_sample;  // Of those unfinished: the number of tokens it will sample.
    std::map<uint32_t, int64_t> sampled;
  };

  int64_t Draw(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random_); }

  Token Name(SampleId id, int64_t position) const {
    const bool prompt = position < requests_.at(id.request).prompt_tokens - 1;
    return {prompt ? SampleId{id.request, UINT32_MAX} : id, position};
  }
  Token& Slot(const BlockTable& table, int64_t position) {
    return slots_[table[position / load_.block_tokens] * load_.block_tokens + position % load_.block_tokens];
  }

  void AddRequest(uint64_t id) {
    const int64_t capacity = int64_t{load_.num_blocks} * load_.block_tokens;
    Request request{.prompt_tokens = Draw(1, std::min<int64_t>(capacity, 40)), .length_of_sample = {}, .sampled = {}};
    const int64_t longest = std::min<int64_t>(capacity - request.prompt_tokens + 1, 60);
    const int64_t num_samples = Draw(1, 9);
    for (int64_t i = 0; i < num_samples; ++i) request.length_of_sample[i] = Draw(1, longest);
    scheduler_.Add(id, request.prompt_tokens, num_samples);
    requests_[id] = std::move(request);
  }

  void CancelOne() {
    auto it = std::next(requests_.begin(), Draw(0, requests_.size() - 1));
    scheduler_.Cancel(it->first);
    requests_.erase(it);
  }

  void Step() {
    const StepPlan plan = scheduler_.Plan();
    ASSERT_FALSE(plan.segments.empty()) << "no progress";
    ASSERT_LE(scheduler_.num_running(), load_.max_running);
    for (const auto& copy : plan.copies) {
      for (int i = 0; i < load_.block_tokens; ++i) {
        slots_[copy.to * load_.block_tokens + i] = slots_[copy.from * load_.block_tokens + i];
      }
    }
    // All tokens of a layer are written before any is read.
    std::map<const Token*, SampleId> writers;
    int64_t prefilled = 0;
    for (const StepSegment& segment : plan.segments) {
      if (segment.length > 1 || segment.is_prefix) prefilled += segment.length;
      for (int64_t p = segment.begin; p < segment.begin + segment.length; ++p) {
        Token& slot = Slot(*segment.table, p);
        ASSERT_TRUE(writers.emplace(&slot, segment.id).second) << "two writers of one slot";
        const int32_t block = (*segment.table)[p / load_.block_tokens];
        ASSERT_EQ(scheduler_.allocator().use_count(block), 1) << "a shared block was written";
        slot = Name(segment.id, p);
      }
    }
    ASSERT_LE(prefilled, load_.prefill_budget);
    for (const StepSegment& segment : plan.segments) {
      for (int64_t p = 0; p < segment.begin + segment.length; ++p) {
        ASSERT_EQ(Slot(*segment.table, p), Name(segment.id, p)) << "a token does not find its past";
      }
    }
    for (const StepSegment& segment : plan.segments) {
      if (segment.samples) CountSampled(segment);
    }
  }

  void CountSampled(const StepSegment& segment) {
    Request& request = requests_.at(segment.id.request);
    int64_t& sampled = request.sampled[segment.id.sample];
    ASSERT_EQ(segment.begin + segment.length, request.prompt_tokens + sampled) << "a token was skipped or fed twice";
    if (++sampled < request.length_of_sample.at(segment.id.sample)) return;
    scheduler_.Finish(segment.id);
    request.length_of_sample.erase(segment.id.sample);
    if (request.length_of_sample.empty()) requests_.erase(segment.id.request);
  }

  const Workload load_;
  std::mt19937_64 random_;
  BatchScheduler scheduler_;
  std::vector<Token> slots_;
  std::map<uint64_t, Request> requests_;
};

class SchedulerSimulationTest : public ::testing::TestWithParam<Workload> {};

TEST_P(SchedulerSimulationTest, EverySampleFinishesAndNoBlockIsLostOrSharedByWriters) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    SchedulerSimulation simulation(GetParam(), seed);
    simulation.Run(/*num_requests=*/60);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Caches, SchedulerSimulationTest,
                         ::testing::Values(Workload{64, 16, 512, 4096},  // Roomy.
                                           Workload{16, 8, 40, 64},      // Preempts often.
                                           Workload{8, 4, 12, 7},        // Little budget, long prefills.
                                           Workload{4, 1, 50, 16},       // Blocks of one token.
                                           Workload{3, 16, 1, 16},       // A single block.
                                           Workload{1, 4, 20, 1}));      // One slot, one prefill token.

TEST(SchedulerSimulationTest, SmallCachesDoPreempt) {
  SchedulerSimulation simulation({16, 8, 40, 64}, /*seed=*/1);
  simulation.Run(60);
  EXPECT_GT(simulation.preemptions(), 10u);
}

}  // namespace
}  // namespace maspo
