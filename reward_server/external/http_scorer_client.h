#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/base/retry.h"
#include "services/base/stop_signal.h"
#include "services/reward/answer_scorer.h"

namespace maspo {

// An AnswerScorer that somebody else runs behind an HTTP server; docs/rewards.md has the JSON of both directions.
//
//   items -> POST {"items": [...]} -> 200 and {"answers": [...]}, one for each item, in order -> verdicts and rewards
//                  ^---- again, at most `attempts` times, after anything else but a refusal (4xx) ----'
//
// The server is not trusted: an answer is read only up to max_response_bytes, and believed only if it fits the request.
// An answer without a reward gets that of its verdict; one without a verdict is correct above the middle between the
// rewards of correct and incorrect answers.
//
// Score() returns Unavailable: the server is away or failed. DeadlineExceeded: too slow. InvalidArgument: it refused.
// Internal: it answered something else. Cancelled after Close().
//
// Thread-safe; each call has its own connection.
class HttpScorerClient final : public AnswerScorer {
 public:
  struct Options {
    std::string origin;                          // "http://127.0.0.1:8000", or https://.
    std::string path;                            // "/score"
    std::string ca_file = "";                    // PEM; whom https trusts. Empty: whom the machine trusts.
    absl::Duration timeout = absl::Seconds(10);  // Of one attempt.
    int attempts = 3;
    size_t max_response_bytes = 1 << 20;
    double correct = 1, incorrect = -1;  // Rewards of verdicts.
  };
  explicit HttpScorerClient(const Options& options);

  absl::StatusOr<std::vector<v1::VerifiedAnswer>> Score(const std::vector<v1::VerifyItem>& items,
                                                        absl::Time deadline) override;

  // Calls that wait to try again, and later ones, are Cancelled.
  void Close() { closed_.RequestStop(); }

 private:
  absl::StatusOr<std::string> Post(const std::string& body, absl::Time deadline) const;

  const Options options_;
  const RetryPolicy retry_;
  StopSignal closed_;
};

}  // namespace maspo
