#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/steady_clock.h"
#include "services/reward/reward_service.h"
#include "tests/services/loopback.h"
#include "tests/support/fake_answer_scorer.h"
#include "tests/support/verify_items.h"

namespace maspo {

inline absl::Time In(double seconds) { return SteadyNow() + absl::Seconds(seconds); }

// A reward server with a fake verifier.
struct FakeRewardServer {
  FakeAnswerScorer scorer;
  Metrics metrics{"reward-server", "0"};
  RewardService service{&scorer, {.max_batch_items = 4}, metrics};
  std::unique_ptr<ServerRunner> server;

  std::string Start(const std::string& address = "127.0.0.1:0") {
    server = StartServer(address, {&service});
    return server->address().ToString();
  }
};

}  // namespace maspo
