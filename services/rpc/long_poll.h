#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/support/server_callback.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/base/parked_call.h"
#include "services/base/steady_clock.h"
#include "services/rpc/call_deadline.h"
#include "services/rpc/served_calls.h"

namespace maspo {

// A long poll at the server: parked in a core, without a thread, until
//
//   the core answers          its answer is sent; `undelivered` hears if it did not get away
//   the caller is gone        (cancelled, died, server shutting down) its place in the core is free at once
//   its time is almost over   an empty response is sent
//
// Owns itself from Start() to the end of the call. The core outlives the call: the server ends all calls before it
// goes.
template <typename T>
class LongPollCall final : public grpc::ServerUnaryReactor {
 public:
  struct Hop {
    std::function<Ticket(Answer<T>)> park;
    std::function<bool(Ticket)> withdraw;
    std::function<void(T)> respond;  // Puts the answer into the response.
    std::function<void()> undelivered = [] {};
    absl::Duration longest = absl::InfiniteDuration();  // Its time is over then at the latest.
  };

  static LongPollCall* Start(grpc::CallbackServerContext* context, ServedCalls* calls, std::string method, Hop hop) {
    auto* call = new LongPollCall(context, calls, std::move(method), std::move(hop));
    call->Park();
    return call;
  }

  void OnCancel() override {
    if (hop_.withdraw(ticket_)) End(absl::CancelledError("the caller is gone"));
  }

  void OnDone() override {
    {
      absl::MutexLock lock(&mutex_);
      is_done_ = true;
    }
    // True also when the answer could not be sent any more.
    if (has_answer_.load() && context_->IsCancelled()) hop_.undelivered();
    alarm_.Cancel();
    Unref();
  }

 private:
  LongPollCall(grpc::CallbackServerContext* context, ServedCalls* calls, std::string method, Hop hop)
      : context_(context), calls_(calls), method_(std::move(method)), hop_(std::move(hop)), start_(SteadyNow()) {}

  // On the handler's thread. gRPC calls OnCancel and OnDone only after the handler has returned.
  void Park() {
    ticket_ = hop_.park([this](absl::StatusOr<T> answer) { Give(std::move(answer)); });
    if (is_ended_.load()) return;
    references_.fetch_add(1);
    const absl::Time until = std::min(AnswerBy(context_->deadline()), start_ + hop_.longest);
    alarm_.Set(ToSystemChrono(until), [this](bool is_time) {
      if (is_time && WithdrawInTime()) End(absl::OkStatus());
      Unref();
    });
  }

  // The alarm may come when the call is over, and with it the core.
  bool WithdrawInTime() {
    absl::MutexLock lock(&mutex_);
    return !is_done_ && hop_.withdraw(ticket_);
  }

  void Give(absl::StatusOr<T> answer) {
    const absl::Status status = answer.status();
    if (answer.ok()) {
      hop_.respond(*std::move(answer));
      has_answer_.store(true);
    }
    End(status);
  }

  // Once: by the core's answer, or by whoever withdrew the call.
  void End(const absl::Status& status) {
    is_ended_.store(true);
    Finish(calls_->Count(method_, start_, status));
  }

  // gRPC and the alarm each hold one.
  void Unref() {
    if (references_.fetch_sub(1) == 1) delete this;
  }

  grpc::CallbackServerContext* const context_;  // Valid until OnDone returns.
  ServedCalls* const calls_;
  const std::string method_;
  const Hop hop_;
  const absl::Time start_;
  Ticket ticket_ = 0;
  grpc::Alarm alarm_;
  std::atomic<bool> is_ended_{false};
  std::atomic<bool> has_answer_{false};
  std::atomic<int> references_{1};
  absl::Mutex mutex_;
  bool is_done_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace maspo
