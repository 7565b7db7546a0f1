#pragma once

#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace maspo {

// A file that appears complete or not at all: writes PATH.partial, and Commit() flushes, fsyncs and renames it to PATH.
// Without Commit() the destructor removes the partial file. One writer per path at a time.
//
// Errors name the path and carry the code of the system's reason: NotFound (no such folder), PermissionDenied,
// ResourceExhausted (disk full) and so on. Not thread-safe.
class AtomicFile {
 public:
  static absl::StatusOr<AtomicFile> Create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept : path_(std::exchange(other.path_, {})), out_(std::move(other.out_)) {}
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  std::ostream& stream() { return out_; }
  absl::Status Commit();

 private:
  AtomicFile(std::string path, std::ofstream out) : path_(std::move(path)), out_(std::move(out)) {}
  std::string path_;  // Empty once committed or moved from.
  std::ofstream out_;
};

// Gives a finished folder its name: all that is in it is on the disk before the name appears, and the name before this
// returns. `to` does not exist.
absl::Status CommitFolder(const std::string& from, const std::string& to);

absl::Status WriteFileAtomically(const std::string& path, std::string_view content);
absl::StatusOr<std::string> ReadFile(const std::string& path);  // NotFound: names the file.
bool PathExists(const std::string& path);                       // False as well where that cannot be told.

}  // namespace maspo
