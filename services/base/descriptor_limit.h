#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace maspo {

// How many descriptors (files, sockets, pipes) this process may have open: RLIMIT_NOFILE. A process that reaches it
// fails in places that do not say so: a listener accepts nobody, a library cannot resolve an address.

// Makes room for `needed`: raises the soft limit to the hard one, but not beyond what any role uses. To be called
// before there are threads that depend on it. FailedPrecondition: the hard limit is lower than `needed`.
absl::Status ReserveDescriptors(uint64_t needed);

// The same error, with the limit named when that is its cause: it says "too many open files", or there is hardly a
// descriptor left. Other errors, and ok, are returned as they are. Thread-safe.
absl::Status NameDescriptorLimit(absl::Status error);

}  // namespace maspo
