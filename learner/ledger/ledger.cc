#include "learner/ledger/ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"
#include "spdlog/spdlog.h"

namespace maspo {
namespace {

absl::Status ErrnoStatus(const char* action, const std::string& path) {
  return absl::UnavailableError(absl::StrCat("cannot ", action, " ", path, ": ", strerror(errno)));
}

// Writes all of `text` at `offset`.
absl::Status WriteAt(int fd, std::string_view text, uint64_t offset, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = pwrite(fd, text.data(), text.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return ErrnoStatus("write", path);
    text.remove_prefix(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
  return absl::OkStatus();
}

// Replays the lines of `text`. A damaged line is the torn tail only if no intact line follows.
absl::StatusOr<LedgerFile> Replay(std::string_view text, const std::string& path,
                                  const std::function<void(const LedgerEvent&)>& visit) {
  LedgerFile file;
  size_t damaged_line = 0;
  size_t line_number = 0;
  for (size_t begin = 0; begin < text.size();) {
    ++line_number;
    const size_t newline = text.find('\n', begin);
    if (newline == text.npos) break;
    const std::string where = absl::StrCat(path, ":", line_number);
    const absl::StatusOr<LedgerEvent> event = DecodeLedgerLine(text.substr(begin, newline - begin));
    begin = newline + 1;
    if (absl::IsDataLoss(event.status())) {
      if (damaged_line == 0) damaged_line = line_number;
      continue;
    }
    if (damaged_line != 0) {
      return absl::DataLossError(absl::StrCat(path, ":", damaged_line,
                                              ": the ledger is damaged here, before intact "
                                              "events; restore the file from a copy"));
    }
    if (!event.ok()) return Annotate(event.status(), where);
    MASPO_RETURN_IF_ERROR(Annotate(file.state.Apply(*event), where));
    visit(*event);
    file.intact_bytes = begin;
  }
  file.torn_bytes = text.size() - file.intact_bytes;
  return file;
}

}  // namespace

absl::StatusOr<LedgerFile> ReadLedger(const std::string& path, const std::function<void(const LedgerEvent&)>& visit) {
  MASPO_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return Replay(text, path, visit);
}

absl::StatusOr<std::unique_ptr<Ledger>> Ledger::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoStatus("open", path);
  std::unique_ptr<Ledger> ledger(new Ledger(path, fd));
  MASPO_ASSIGN_OR_RETURN(LedgerFile file, ReadLedger(path));
  if (file.torn_bytes > 0) {
    spdlog::warn("{}: cut off {} bytes of an event that a crash left unfinished", path, file.torn_bytes);
    if (ftruncate(fd, static_cast<off_t>(file.intact_bytes)) != 0) return ErrnoStatus("truncate", path);
  }
  absl::MutexLock lock(&ledger->mutex_);
  ledger->state_ = std::move(file.state);
  ledger->offset_ = file.intact_bytes;
  return ledger;
}

Ledger::~Ledger() { close(fd_); }

absl::Status Ledger::Append(std::vector<LedgerEvent> events) {
  absl::MutexLock lock(&mutex_);
  const double now = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  LedgerState rehearsal = state_.Excerpt(events);
  std::string lines;
  for (LedgerEvent& event : events) {
    MASPO_RETURN_IF_ERROR(rehearsal.Apply(event));
    event.time = now;
    absl::StrAppend(&lines, EncodeLedgerLine(event));
  }
  if (absl::Status status = WriteAt(fd_, lines, offset_, path_); !status.ok()) {
    // Half an event may be in the file; a reader takes it for torn, the next Append writes over it.
    if (ftruncate(fd_, static_cast<off_t>(offset_)) != 0) spdlog::error("{}: cannot take back a failed write", path_);
    return status;
  }
  offset_ += lines.size();
  for (const LedgerEvent& event : events) MASPO_CHECK(state_.Apply(event).ok());
  return absl::OkStatus();
}

absl::Status Ledger::Sync() {
  absl::MutexLock lock(&mutex_);
  return fsync(fd_) == 0 ? absl::OkStatus() : ErrnoStatus("write", path_);
}

absl::Status Ledger::TruncateTo(uint64_t offset) {
  absl::MutexLock lock(&mutex_);
  MASPO_ASSIGN_OR_RETURN(const std::string text, ReadFile(path_));
  const bool at_event_end = offset <= offset_ && (offset == 0 || text.at(offset - 1) == '\n');
  if (!at_event_end) {
    return absl::InvalidArgumentError(absl::StrCat(path_, ": byte ", offset,
                                                   " is not the end of an event (the ledger has ", offset_,
                                                   " bytes): it does not belong to this checkpoint"));
  }
  MASPO_ASSIGN_OR_RETURN(LedgerFile file,
                         Replay(std::string_view(text).substr(0, offset), path_, [](const LedgerEvent&) {}));
  if (ftruncate(fd_, static_cast<off_t>(offset)) != 0 || fsync(fd_) != 0) return ErrnoStatus("truncate", path_);
  state_ = std::move(file.state);
  offset_ = offset;
  return absl::OkStatus();
}

uint64_t Ledger::offset() const {
  absl::MutexLock lock(&mutex_);
  return offset_;
}

LedgerState Ledger::state() const {
  absl::MutexLock lock(&mutex_);
  return state_;
}

LedgerCounts Ledger::counts() const {
  absl::MutexLock lock(&mutex_);
  return state_.counts();
}

absl::Status Ledger::Balance() const {
  absl::MutexLock lock(&mutex_);
  return state_.CheckBalance();
}

std::optional<LedgerState::OpenGroup> Ledger::FindOpen(const std::string& group_id) const {
  absl::MutexLock lock(&mutex_);
  const LedgerState::OpenGroup* group = state_.FindOpen(group_id);
  if (group == nullptr) return std::nullopt;
  return *group;
}

Ledger::Standing Ledger::StandingOf(const std::string& group_id) const {
  absl::MutexLock lock(&mutex_);
  if (const LedgerState::OpenGroup* group = state_.FindOpen(group_id); group != nullptr) {
    return group->stage == LedgerEventKind::kAdmitted ? Standing::kAccepted : Standing::kOpen;
  }
  if (state_.IsTrained(group_id)) return Standing::kTrained;
  return state_.IsDropped(group_id) ? Standing::kDropped : Standing::kUnknown;
}

}  // namespace maspo
