#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/base/steady_mutex.h"

namespace maspo {

// Calls that wait in a core without a thread of their own:
//
//   Park(..., answer) -> ticket       the core keeps `answer` until it has something to say
//   answer(result)                    exactly once, on any thread, without a lock of the core
//   Withdraw(ticket)                  the caller is gone, or its time is over. True: `answer` will never be called.
//                                     False: it was called, or is being called.
template <typename T>
using Answer = std::function<void(absl::StatusOr<T>)>;
using Ticket = uint64_t;

// Answers that are decided under a lock and given when it is released: declared before the lock.
class PendingAnswers {
 public:
  PendingAnswers() = default;
  ~PendingAnswers() {
    for (const std::function<void()>& give : gifts_) give();
  }
  PendingAnswers(const PendingAnswers&) = delete;
  PendingAnswers& operator=(const PendingAnswers&) = delete;

  template <typename T>
  void Add(Answer<T> answer, absl::StatusOr<T> result) {
    // Shared, because a std::function is copyable and results need not be cheap to copy.
    auto gift = std::make_shared<std::pair<Answer<T>, absl::StatusOr<T>>>(std::move(answer), std::move(result));
    gifts_.push_back([gift] { gift->first(std::move(gift->second)); });
  }

 private:
  std::vector<std::function<void()>> gifts_;
};

// The calls parked in a core, in order of arrival, at most one of each worker. Guarded by the core's lock.
template <typename T, typename Request>
class ParkedCalls {
 public:
  struct Call {
    std::string worker_id;
    Request request;
    Answer<T> answer;
  };
  using Calls = std::map<Ticket, Call>;

  // A worker that calls again has given up its older call, which ends with nothing.
  Ticket Park(Call call, PendingAnswers& answers) {
    if (std::optional<Call> older = TakeOf(call.worker_id)) answers.Add<T>(std::move(older->answer), T());
    const Ticket ticket = ++tickets_;
    ticket_of_[call.worker_id] = ticket;
    calls_.emplace(ticket, std::move(call));
    return ticket;
  }

  // The call leaves; nullopt if it is not here (any more).
  std::optional<Call> Take(Ticket ticket) {
    const auto it = calls_.find(ticket);
    if (it == calls_.end()) return std::nullopt;
    Call call = std::move(it->second);
    ticket_of_.erase(call.worker_id);
    calls_.erase(it);
    return call;
  }
  std::optional<Call> TakeOf(const std::string& worker_id) {
    const auto it = ticket_of_.find(worker_id);
    return it == ticket_of_.end() ? std::nullopt : Take(it->second);
  }

  // Every call ends with `why`.
  void EndAll(const absl::Status& why, PendingAnswers& answers) {
    for (auto& [ticket, call] : calls_) answers.Add<T>(std::move(call.answer), why);
    calls_.clear();
    ticket_of_.clear();
  }

  const Calls& calls() const { return calls_; }
  size_t size() const { return calls_.size(); }

 private:
  Ticket tickets_ = 0;
  Calls calls_;
  absl::flat_hash_map<std::string, Ticket> ticket_of_;  // By worker.
};

// Parks a call and waits for its answer on this thread, for callers in the core's own process. T() at the deadline.
template <typename T>
absl::StatusOr<T> AwaitAnswer(absl::FunctionRef<Ticket(Answer<T>)> park, absl::FunctionRef<bool(Ticket)> withdraw,
                              absl::Time deadline) {
  struct Slot {
    SteadyMutex mutex;
    std::optional<absl::StatusOr<T>> result ABSL_GUARDED_BY(mutex);
  };
  const auto slot = std::make_shared<Slot>();  // The answering thread may still hold its lock when this one is done.
  const Ticket ticket = park([slot](absl::StatusOr<T> result) {
    SteadyLock lock(&slot->mutex);
    slot->result = std::move(result);
  });
  const auto is_answered = [&slot]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(slot->mutex) { return slot->result.has_value(); };
  {
    SteadyLock lock(&slot->mutex);
    if (slot->mutex.AwaitUntil(is_answered, deadline)) return *std::move(slot->result);
  }
  if (withdraw(ticket)) return T();
  SteadyLock lock(&slot->mutex);
  slot->mutex.Await(is_answered);
  return *std::move(slot->result);
}

}  // namespace maspo
