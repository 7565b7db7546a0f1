#include "services/runtime/signals.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

#include "services/base/status_macros.h"

namespace maspo {
namespace {

std::atomic<StopSignal*> to_be_told = nullptr;  // Null once the first signal came.
static_assert(std::atomic<StopSignal*>::is_always_lock_free, "a signal handler must not lock");

void OnSignal(int signal_number) {
  StopSignal* const stop = to_be_told.exchange(nullptr);
  if (stop == nullptr) _exit(128 + signal_number);
  stop->RequestStop();
}

}  // namespace

void InstallStopSignals(StopSignal& stop) {
  to_be_told.store(&stop);
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  MASPO_CHECK(sigaction(SIGTERM, &action, nullptr) == 0);
  MASPO_CHECK(sigaction(SIGINT, &action, nullptr) == 0);
  action.sa_handler = SIG_IGN;
  MASPO_CHECK(sigaction(SIGPIPE, &action, nullptr) == 0);
}

}  // namespace maspo
