#include "services/base/descriptor_limit.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace maspo {
namespace {

// A learner with a thousand workers stays below it. The hard limit may be a billion, over which some libraries loop.
constexpr rlim_t kPlenty = 65'536;

// What failed may have closed some of its descriptors again; a rendezvous takes about so many at once.
constexpr int kHardlyAny = 8;

// Without opening any: there may be none left, and other threads need those that are.
bool HardlyAnyLeft(rlim_t limit) {
  int left = 0;
  for (rlim_t fd = 0; fd < limit && left < kHardlyAny; ++fd) {
    if (fcntl(static_cast<int>(fd), F_GETFD) < 0) ++left;
  }
  return left < kHardlyAny;
}

}  // namespace

absl::Status ReserveDescriptors(uint64_t needed) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return absl::OkStatus();  // Nothing is known; what fails will say so.
  const rlim_t wanted = std::min(limit.rlim_max, std::max<rlim_t>(kPlenty, needed));
  if (limit.rlim_cur < wanted) {
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return absl::ErrnoToStatus(errno, "cannot raise RLIMIT_NOFILE");
  }
  if (limit.rlim_cur >= needed) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("this process may open ", limit.rlim_cur,
                                                    " files and sockets, and needs ", needed,
                                                    ": raise the limit with ulimit -n ", needed));
}

absl::Status NameDescriptorLimit(absl::Status error) {
  rlimit limit{};
  if (error.ok() || getrlimit(RLIMIT_NOFILE, &limit) != 0) return error;
  if (absl::StrContains(error.message(), "raise it with ulimit -n")) return error;  // Already named.
  const bool says_so = absl::StrContains(error.message(), std::strerror(EMFILE));
  if (!says_so && !HardlyAnyLeft(limit.rlim_cur)) return error;
  return absl::Status(error.code(), absl::StrCat("too many open files; the limit is ", limit.rlim_cur,
                                                 ", raise it with ulimit -n (", error.message(), ")"));
}

}  // namespace maspo
