#include "reward_server/external/http_scorer_client.h"

#include <httplib.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reward_server/external/http_scorer_json.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"

namespace maspo {
namespace {

constexpr int kOk = 200, kTimedOut = 408, kTooMany = 429;

// All but a refusal and a stop: what is wrong once may be right the next time.
RetryPolicy WhatMayPass(int attempts) {
  RetryPolicy policy;
  policy.codes = {absl::StatusCode::kUnavailable, absl::StatusCode::kDeadlineExceeded, absl::StatusCode::kInternal};
  policy.max_attempts = attempts;
  policy.seed = std::random_device()();
  return policy;
}

absl::Status OfHttp(int http) {
  if (http == kOk) return absl::OkStatus();
  const std::string message = absl::StrCat("it answers with HTTP status ", http);
  const bool is_refusal = http >= 400 && http < 500 && http != kTimedOut && http != kTooMany;
  return is_refusal ? absl::InvalidArgumentError(message) : absl::UnavailableError(message);
}

}  // namespace

HttpScorerClient::HttpScorerClient(const Options& options) : options_(options), retry_(WhatMayPass(options.attempts)) {}

absl::StatusOr<std::vector<v1::VerifiedAnswer>> HttpScorerClient::Score(const std::vector<v1::VerifyItem>& items,
                                                                        absl::Time deadline) {
  if (closed_.stop_requested()) return absl::CancelledError("the external scorer is closed");
  const std::string request = HttpScorerRequest(items);
  std::vector<v1::VerifiedAnswer> answers;
  const absl::Status status = CallWithRetry(retry_, deadline, closed_, [&]() -> absl::Status {
    MASPO_ASSIGN_OR_RETURN(const std::string response, Post(request, deadline));
    MASPO_ASSIGN_OR_RETURN(
        answers,
        ReadHttpScorerAnswers(response, items, {.correct = options_.correct, .incorrect = options_.incorrect}));
    return absl::OkStatus();
  });
  if (!status.ok()) return Annotate(status, absl::StrCat("the external scorer at ", options_.origin, options_.path));
  return answers;
}

absl::StatusOr<std::string> HttpScorerClient::Post(const std::string& body, absl::Time deadline) const {
  const absl::Time start = SteadyNow();
  const absl::Time latest = std::min(deadline, start + options_.timeout);
  const auto left = absl::ToChronoMilliseconds(std::max(latest - start, absl::Milliseconds(1)));
  httplib::Client client(options_.origin);
  client.set_connection_timeout(left);
  client.set_write_timeout(left);
  client.set_read_timeout(left);
  if (!options_.ca_file.empty()) client.set_ca_cert_path(options_.ca_file.c_str());

  std::string received;
  absl::Status stopped;
  httplib::Request request;
  request.method = "POST";
  request.path = options_.path;
  request.body = body;
  request.set_header("Content-Type", "application/json");
  // A timeout of the library is one of silence; these bound the whole.
  request.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    if (received.size() + size > options_.max_response_bytes) {
      stopped = absl::InternalError(absl::StrCat("its answer is longer than ", options_.max_response_bytes, " bytes"));
    } else if (SteadyNow() >= latest) {
      stopped = absl::DeadlineExceededError("its answer was not complete in time");
    } else {
      received.append(data, size);
    }
    return stopped.ok();
  };
  const httplib::Result result = client.send(request);
  MASPO_RETURN_IF_ERROR(stopped);
  if (!result) {
    const bool is_late = SteadyNow() >= latest - absl::Milliseconds(2);  // Waits are rounded.
    const std::string why = httplib::to_string(result.error());
    return is_late ? absl::DeadlineExceededError(absl::StrCat("no answer in time (", why, ")"))
                   : absl::UnavailableError(absl::StrCat("no answer (", why, ")"));
  }
  MASPO_RETURN_IF_ERROR(OfHttp(result->status));
  return received;
}

}  // namespace maspo
