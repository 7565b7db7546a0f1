#include "services/process/signals.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

#include "services/base/status_macros.h"

namespace maspo {
namespace {

std::atomic<StopSignal*> to_be_told = nullptr;  // Null once the first SIGTERM or SIGINT came.
static_assert(std::atomic<StopSignal*>::is_always_lock_free, "a signal handler must not lock");

void OnSignal(int signal_number) {
  StopSignal* const stop = to_be_told.exchange(nullptr);
  if (stop == nullptr) _exit(128 + signal_number);
  stop->RequestStop();
}

// Comes twice when a terminal closes, from the kernel and from the shell: once more means nothing more.
void OnHangUp(int) {
  if (StopSignal* const stop = to_be_told.load()) stop->RequestStop();
}

bool IsIgnored(int signal_number) {
  struct sigaction action = {};
  MASPO_CHECK(sigaction(signal_number, nullptr, &action) == 0);
  return action.sa_handler == SIG_IGN;
}

}  // namespace

void InstallStopSignals(StopSignal& stop) {
  to_be_told.store(&stop);
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  MASPO_CHECK(sigaction(SIGTERM, &action, nullptr) == 0);
  MASPO_CHECK(sigaction(SIGINT, &action, nullptr) == 0);
  action.sa_handler = OnHangUp;
  if (!IsIgnored(SIGHUP)) MASPO_CHECK(sigaction(SIGHUP, &action, nullptr) == 0);
  action.sa_handler = SIG_IGN;
  MASPO_CHECK(sigaction(SIGPIPE, &action, nullptr) == 0);
  MASPO_CHECK(sigaction(SIGXFSZ, &action, nullptr) == 0);
}

}  // namespace maspo
