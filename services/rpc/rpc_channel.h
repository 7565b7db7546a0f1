#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/run_config.pb.h"
#include "services/base/limited_log.h"
#include "services/base/retry.h"
#include "services/base/steady_clock.h"
#include "services/base/stop_signal.h"

namespace maspo {

// A client's way to one server: connection, credentials, token, limits, and what to do while the server is away.
//
//   Unary(channel, deadline, *stub, &Stub::Method, request, response)
//     attempt (at most call_timeout) -> Unavailable -> backoff -> attempt ... until the deadline
//
// An outage is logged once when it begins and once when it ends, however many calls wait for it. Status codes of
// handlers pass through unchanged, but for Cancelled, which gRPC also sends for calls that a stopping server has not
// begun: from the other end it means no more than Unavailable. Only after Close() every call, also one in flight or
// waiting to try again, is Cancelled.
//
// Thread-safe.
class RpcChannel {
 public:
  struct Options {
    std::string peer;            // Who is at the other end, for messages: "the learner".
    std::string key;             // What named the endpoint, for messages: "network.learner".
    std::string endpoint;        // host:port.
    v1::NetworkSection network;  // Credentials, limits, timeout of an attempt.
    bool in_turn = false;        // Calls go to all addresses of the host's name in turn, not to the first that answers.
  };

  // Connects on the first call; nobody needs to be there yet. InvalidArgument: plaintext is not allowed there, or a
  // credentials file is unusable.
  static absl::StatusOr<std::unique_ptr<RpcChannel>> Create(const Options& options);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  const std::string& name() const { return name_; }  // "the learner at 127.0.0.1:40123".
  absl::Duration call_timeout() const { return call_timeout_; }
  uint64_t max_message_bytes() const { return max_message_bytes_; }
  const StopSignal& closed() const { return closed_; }

  void Close();

  // One attempt, cut off after call_timeout or at the deadline.
  using Attempt = absl::FunctionRef<grpc::Status(grpc::ClientContext&)>;
  absl::Status CallOnce(absl::Time deadline, Attempt attempt);

  // Attempts until one neither is Unavailable nor fails with a code of `also_retry`, or the deadline comes.
  using Codes = std::vector<absl::StatusCode>;
  absl::Status Call(absl::Time deadline, const Codes& also_retry, Attempt attempt);

 private:
  RpcChannel(const Options& options, std::shared_ptr<grpc::Channel> channel, std::string authorization);
  absl::Status NoteAway(const absl::Status& status);  // Returns it in the words for callers.
  void NoteAnswer();

  const std::string name_;
  const absl::Duration call_timeout_;
  const uint64_t max_message_bytes_;
  const std::string authorization_;  // Empty without a token.
  const std::shared_ptr<grpc::Channel> channel_;
  const RetryPolicy retry_;
  StopSignal closed_;
  std::atomic<bool> away_{false};  // The last attempt found nobody.
  LimitedLog refusals_;            // By somebody who is there.

  absl::Mutex mutex_;
  std::set<grpc::ClientContext*> in_flight_ ABSL_GUARDED_BY(mutex_);
};

// InvalidArgument when a message is too large for the channel. gRPC would say ResourceExhausted, which means "try
// again".
absl::Status CheckMessageSize(const RpcChannel& channel, uint64_t message_bytes);

// One call of a stub's method, as described at RpcChannel.
template <typename Stub, typename Request, typename Response>
absl::Status Unary(RpcChannel& channel, absl::Time deadline, Stub& stub,
                   grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                   const Request& request, Response& response, const RpcChannel::Codes& also_retry = {}) {
  absl::Status size = CheckMessageSize(channel, request.ByteSizeLong());
  if (!size.ok()) return size;
  return channel.Call(deadline, also_retry, [&](grpc::ClientContext& context) {
    response.Clear();
    return (stub.*method)(&context, request, &response);
  });
}

// Asks a long-polling method until its answer is not empty or the deadline comes. Nobody answering is no answer: at the
// deadline the status is ok and `response` empty. Other errors pass through.
template <typename Stub, typename Request, typename Response, typename IsEmpty>
absl::Status LongPoll(RpcChannel& channel, absl::Time deadline, Stub& stub,
                      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                      const Request& request, Response& response, IsEmpty is_empty) {
  // A server answers a little before the deadline; what is left then is too short to ask again.
  constexpr absl::Duration kTooShort = absl::Milliseconds(300);
  do {
    absl::Status status = Unary(channel, deadline, stub, method, request, response);
    if (status.ok() && !is_empty(response)) return status;
    response.Clear();
    if (absl::IsUnavailable(status)) {  // Too late for another attempt.
      return channel.closed().WaitUntil(deadline) ? absl::CancelledError("the connection was closed")
                                                  : absl::OkStatus();
    }
    if (!status.ok() && !absl::IsDeadlineExceeded(status)) return status;
  } while (SteadyNow() + kTooShort < deadline);
  return absl::OkStatus();
}

}  // namespace maspo
