#include "services/base/stop_signal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"

namespace maspo {

StopSignal::StopSignal() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { MASPO_CHECK(fd_ >= 0); }

StopSignal::~StopSignal() { close(fd_); }

void StopSignal::RequestStop() {
  const int saved_errno = errno;
  stop_requested_.store(true, std::memory_order_release);
  // Nobody reads the counter, so adding to it cannot fail in a way that matters: once positive it stays readable.
  const uint64_t one = 1;
  [[maybe_unused]] const auto written = write(fd_, &one, sizeof one);
  errno = saved_errno;
}

bool StopSignal::WaitUntil(absl::Time deadline) const {
  while (!stop_requested()) {
    const absl::Duration left = deadline - SteadyNow();
    if (left <= absl::ZeroDuration()) return false;
    // Rounded up, so that the last round does not spin; at most a minute, so that an infinite wait fits an int.
    const int64_t millis =
        absl::ToInt64Milliseconds(absl::Ceil(std::min(left, absl::Minutes(1)), absl::Milliseconds(1)));
    pollfd waiting = {.fd = fd_, .events = POLLIN, .revents = 0};
    poll(&waiting, 1, static_cast<int>(millis));
  }
  return true;
}

void StopSignal::WaitOr(const StopSignal& other) const {
  while (!stop_requested() && !other.stop_requested()) {
    pollfd waiting[] = {{.fd = fd_, .events = POLLIN, .revents = 0}, {.fd = other.fd_, .events = POLLIN, .revents = 0}};
    poll(waiting, 2, -1);
  }
}

bool StopSignal::WaitFor(absl::Duration duration) const { return WaitUntil(SteadyNow() + duration); }

}  // namespace maspo
