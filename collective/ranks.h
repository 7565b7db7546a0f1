#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "model/torch.h"

namespace maspo {

// The processes that train one model together, as one of them sees the others. Every rank calls the same functions in
// the same order, with tensors of the same sizes on `device`.
//
// A collective that fails (a rank is gone, or did not come in time) throws c10::Error, which names this rank, its
// phase, what it was doing (`what`) and the cause; after that all others fail at once. One thread a group; beside() is
// a second group of the same ranks, for work beside the first one's.
class Ranks {
 public:
  struct Options {
    torch::Device device = torch::kCPU;  // Gloo on the cpu, NCCL on cuda; what is told to all goes through Gloo always.
    int rank = 0, size = 1;
    absl::Duration timeout = absl::Minutes(5);  // Of the meeting and of each collective.
    std::string host = "127.0.0.1";             // Where Gloo listens on this side.
  };
  // Meets the other ranks in `store`. Unavailable: they did not come, or cannot be reached.
  static absl::StatusOr<std::unique_ptr<Ranks>> Meet(const Options& options,
                                                     const c10::intrusive_ptr<c10d::Store>& store);
  // The only rank: collectives are copies.
  static std::unique_ptr<Ranks> Alone(torch::Device device = torch::kCPU);

  int rank() const { return options_.rank; }
  int size() const { return options_.size; }
  bool is_alone() const { return options_.size == 1; }
  torch::Device device() const { return options_.device; }
  Ranks& beside() const { return *beside_; }

  // Whether a collective has failed, here or beside. Any thread.
  bool is_broken() const { return *is_broken_; }

  // What this rank is in the middle of, for as long as it lives: messages name it. "update".
  class Phase {
   public:
    Phase(Ranks* ranks, const std::string& name);
    ~Phase();
    Phase(const Phase&) = delete;
    Phase& operator=(const Phase&) = delete;

   private:
    Ranks* const ranks_;
    const std::string outer_;
  };

  // A collective under way. Its tensors are not touched before Wait(), which on cuda makes the current stream wait.
  class Pending {
   public:
    Pending() = default;
    void Wait();

   private:
    friend class Ranks;
    void Wait(std::chrono::milliseconds limit);
    Pending(const Ranks* ranks, std::string what, c10::intrusive_ptr<c10d::Work> work)
        : ranks_(ranks), what_(std::move(what)), work_(std::move(work)) {}
    const Ranks* ranks_ = nullptr;
    std::string what_;
    c10::intrusive_ptr<c10d::Work> work_;
  };

  // Everybody's part [n], in the order of ranks. -> whole [size * n]
  Pending AllGather(absl::string_view what, torch::Tensor whole, torch::Tensor part);
  // Piece r of send [size * n] goes to rank r. -> received [size * n], the piece from rank r at r
  Pending AllToAll(absl::string_view what, torch::Tensor received, torch::Tensor send);
  // The sum over ranks of piece `rank` of whole [size * n], in an order of the library's choice. -> part [n]
  Pending ReduceScatter(absl::string_view what, torch::Tensor part, torch::Tensor whole);

  // Adds up what every rank has; in place. Where at most one rank has a number other than 0, exactly that.
  void AllReduce(absl::string_view what, torch::Tensor sum);

  // Rank 0's bytes, everywhere. The others wait for as long as it takes: rank 0 speaks when it has something to do.
  void Tell(std::string& message);
  // Ends the wait of another thread for rank 0's word, now or later: its Tell() throws.
  void StopListening();
  // Whether rank 0 says so.
  bool Agree(bool flag);
  // Everybody's text in the order of ranks, cut to 1,000 bytes each.
  std::vector<std::string> AllTexts(const std::string& text);

  uint64_t bytes_sent() const { return bytes_sent_; }  // By this rank, as the collectives' theory counts them.

 private:
  explicit Ranks(const Options& options) : options_(options) {}
  static absl::StatusOr<std::unique_ptr<Ranks>> MeetOnce(const Options& options,
                                                         const c10::intrusive_ptr<c10d::Store>& store);
  void TellLength(int64_t& length);
  [[noreturn]] void Fail(absl::string_view what, const std::string& cause) const;
  Pending Begin(absl::string_view what, uint64_t bytes, const std::function<c10::intrusive_ptr<c10d::Work>()>& start);

  const Options options_;
  // Gathers and reductions overlap, so they have connections of their own.
  c10::intrusive_ptr<c10d::Backend> gather_, reduce_, control_;
  std::unique_ptr<Ranks> beside_;  // Null in the group that is beside another.
  uint64_t bytes_sent_ = 0;
  std::string phase_;
  std::shared_ptr<std::atomic<bool>> is_broken_ = std::make_shared<std::atomic<bool>>(false);  // Of both groups.
  absl::Mutex listening_mutex_;
  c10::intrusive_ptr<c10d::Work> listening_ ABSL_GUARDED_BY(listening_mutex_);  // For rank 0's word.
  bool has_stopped_listening_ ABSL_GUARDED_BY(listening_mutex_) = false;
};

}  // namespace maspo
