#include "services/base/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <iterator>

#include "services/base/status_macros.h"

namespace maspo {
namespace {

std::string PartialPath(const std::string& path) { return path + ".partial"; }

absl::Status ErrnoStatus(int error, const char* action, const std::string& path) {
  return absl::ErrnoToStatus(error == 0 ? EIO : error, absl::StrCat("cannot ", action, " ", path));
}

// Makes the content of a file, or the entries of a folder, durable.
absl::Status Sync(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, "open", path);
  const int error = fsync(fd) == 0 ? 0 : errno;
  close(fd);
  return error == 0 ? absl::OkStatus() : ErrnoStatus(error, "write", path);
}

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

}  // namespace

absl::StatusOr<AtomicFile> AtomicFile::Create(const std::string& path) {
  errno = 0;
  std::ofstream out(PartialPath(path), std::ios::binary | std::ios::trunc);
  if (!out) return ErrnoStatus(errno, "create", path);
  return AtomicFile(path, std::move(out));
}

AtomicFile::~AtomicFile() {
  if (path_.empty()) return;
  out_.close();
  std::remove(PartialPath(path_).c_str());
}

absl::Status AtomicFile::Commit() {
  MASPO_CHECK(!path_.empty());
  errno = 0;
  if (!out_) {
    // An earlier write failed and its reason is gone; one more byte into the file, which is lost anyway, asks again.
    out_.clear();
    out_.put('\0').flush();
    return ErrnoStatus(errno, "write", path_);
  }
  out_.close();
  if (!out_) return ErrnoStatus(errno, "write", path_);
  MASPO_RETURN_IF_ERROR(Sync(PartialPath(path_)));
  if (std::rename(PartialPath(path_).c_str(), path_.c_str()) != 0) return ErrnoStatus(errno, "create", path_);
  return Sync(FolderOf(std::exchange(path_, {})));
}

absl::Status CommitFolder(const std::string& from, const std::string& to) {
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(from, error)) {
    MASPO_RETURN_IF_ERROR(Sync(entry.path().string()));
  }
  if (error) return ErrnoStatus(error.value(), "read", from);
  MASPO_RETURN_IF_ERROR(Sync(from));
  if (std::rename(from.c_str(), to.c_str()) != 0) return ErrnoStatus(errno, "create", to);
  return Sync(FolderOf(to));
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view content) {
  MASPO_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  file.stream().write(content.data(), static_cast<std::streamsize>(content.size()));
  return file.Commit();
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return ErrnoStatus(errno, "open", path);
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return ErrnoStatus(EISDIR, "read", path);
  std::string content{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad()) return ErrnoStatus(errno, "read", path);
  return content;
}

bool PathExists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

}  // namespace maspo
