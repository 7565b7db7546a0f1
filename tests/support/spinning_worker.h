#pragma once

#include "reward_server/worker/framed_messages.h"
#include "reward_server/worker/worker_main.h"

namespace maspo {

// main() of a worker whose verifier never comes back.
inline int SpinningWorkerMain() {
  v1::RewardSection config;
  if (!ReadFramed(kWorkerSocket, config).ok()) return 1;
  return ServeAnswers(config, [](const v1::VerifyItem&) -> v1::VerifiedAnswer {
    volatile bool spinning = true;
    while (spinning) {
    }
    return {};
  });
}

}  // namespace maspo
