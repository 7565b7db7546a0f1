#include "services/base/file_lock.h"

#include <fcntl.h>
#include <limits.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// Who holds the lock of an open file, by its own word.
std::string HolderOf(int fd) {
  char text[512];
  const ssize_t size = pread(fd, text, sizeof text, 0);
  const std::string holder(absl::StripAsciiWhitespace(absl::string_view(text, size > 0 ? size : 0)));
  return holder.empty() ? "another process" : holder;
}

absl::Status Lock(int fd, const std::string& path) {
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
  if (errno == EWOULDBLOCK) return absl::UnavailableError(HolderOf(fd));
  spdlog::warn("{} cannot be locked ({}): nothing keeps a second process away", path, std::strerror(errno));
  return absl::OkStatus();
}

// Nobody reads it but people: a failure changes nothing.
void WriteHolder(int fd, const std::string& program) {
  char host[HOST_NAME_MAX + 1] = {};
  gethostname(host, sizeof host - 1);
  const std::string holder = absl::StrCat("process ", getpid(), " on ", host, " (", program, ")\n");
  if (ftruncate(fd, 0) != 0 || pwrite(fd, holder.data(), holder.size(), 0) < 0) {
    spdlog::debug("the holder of a lock could not be written: {}", std::strerror(errno));
  }
}

}  // namespace

absl::StatusOr<FileLock> FileLock::Take(const std::string& path, const std::string& program) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  FileLock lock(fd);
  MASPO_RETURN_IF_ERROR(Lock(fd, path));
  WriteHolder(fd, program);
  return lock;
}

absl::Status FileLock::CheckFree(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0)
    return errno == ENOENT ? absl::OkStatus() : absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  const FileLock lock(fd);
  return Lock(fd, path);
}

FileLock::~FileLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace maspo
