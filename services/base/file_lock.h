#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace maspo {

// Exclusive use of what a file stands for, by flock: held until this object or its process ends, whatever the end, so
// there is no stale lock. Processes of one machine exclude each other; those of several do where the file system hands
// flock on (NFS 4, CephFS, Lustre with -o flock), and where it has no locks at all, nobody is excluded and the log
// warns.
//
// The file stays behind, and says who holds it, or held it last.
class FileLock {
 public:
  // Unavailable: somebody else holds it; the message is who: "process 4711 on node-7 (maspo-learner)". Other errors
  // name the path and the system's reason.
  static absl::StatusOr<FileLock> Take(const std::string& path, const std::string& program);

  // As Take, of a lock that is let go again at once. Ok where there is no such file.
  static absl::Status CheckFree(const std::string& path);

  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;  // -1 once moved from.
};

}  // namespace maspo
