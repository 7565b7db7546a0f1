#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "reward_server/scoring/batch.h"
#include "reward_server/scoring/scoring_metrics.h"
#include "services/base/closable_queue.h"
#include "services/base/metrics.h"
#include "services/base/worker_thread.h"
#include "services/reward/answer_scorer.h"

namespace maspo {

// Spreads batches over a fixed number of threads, so that many callers cost no more CPU than the server was given.
//
//   Score() -> batch -> queue -> threads, each claiming one item at a time -> answers -> Score() returns
//
// Score() returns ResourceExhausted when too many items wait already: slow down; DeadlineExceeded when the batch was
// not finished in time, what is left of it is dropped; Unavailable after Close(): ask another server.
//
// Thread-safe.
class ScoringPool final : public AnswerScorer {
 public:
  struct Options {
    int threads = 1;
    size_t max_waiting_items = 16384;  // Over all batches; a batch is always taken when nothing waits.
  };
  using Verify = std::function<v1::VerifiedAnswer(const v1::VerifyItem&)>;

  // `verify` is called by all threads at once. `metrics` outlives the pool.
  ScoringPool(Verify verify, const Options& options, Metrics& metrics);
  ~ScoringPool() override;  // Close(), and waits for the threads.

  absl::StatusOr<std::vector<v1::VerifiedAnswer>> Score(const std::vector<v1::VerifyItem>& items,
                                                        absl::Time deadline) override;

  // Every Score(), also a waiting one, is Unavailable.
  void Close();

 private:
  absl::Status Work();
  bool Admit(size_t items);

  const Verify verify_;
  const Options options_;
  ScoringMetrics metrics_;
  std::atomic<bool> closed_{false};
  std::atomic<size_t> waiting_items_{0};         // Of the batches being scored.
  ClosableQueue<std::shared_ptr<Batch>> queue_;  // Holds a batch once for each thread that may work on it.
  std::vector<std::unique_ptr<WorkerThread>> threads_;
};

}  // namespace maspo
