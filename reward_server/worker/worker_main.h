#pragma once

#include <functional>

#include "proto/reward.pb.h"
#include "proto/run_config.pb.h"

namespace maspo {

// The flag with which maspo-reward-server starts itself as a worker, and the descriptor of its socket there.
inline constexpr char kWorkerFlag[] = "--verification-worker";
inline constexpr int kWorkerSocket = 3;

// main() of a worker: reads its configuration (a RewardSection), says that it is ready by an empty answer, then reads
// items and answers each. Ends when the socket closes, and is ended by its limits: address space, and by SIGPROF when
// an answer takes more CPU time than its deadline.
int WorkerMain();

// What follows the configuration, with another verifier.
int ServeAnswers(const v1::RewardSection& config,
                 const std::function<v1::VerifiedAnswer(const v1::VerifyItem&)>& verify);

}  // namespace maspo
