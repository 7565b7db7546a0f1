#pragma once

namespace maspo {

// The flag with which maspo-reward-server starts itself as a worker, and the descriptor of its socket there.
inline constexpr char kWorkerFlag[] = "--verification-worker";
inline constexpr int kWorkerSocket = 3;

// main() of a worker: reads its configuration (a RewardSection), says that it is ready by an empty answer, then reads
// items and answers each. Ends when the socket
// closes, and is ended by its limits: address space, and CPU time per answer a little above the deadline.
int WorkerMain();

}  // namespace maspo
