#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "learner/ledger/ledger_state.h"

namespace maspo {

// The single truth about every training group: an append-only file of events and the state they amount to.
//
//   run     Open() replays RUN_DIR/ledger.jsonl -> Append() ... -> Sync() every step -> offset() into the checkpoint
//   resume  Open() -> TruncateTo(the checkpoint's offset): what happened after the checkpoint did not happen
//
// An event is checked against the order of life before it is written, and written (not fsynced) before Append returns,
// so it survives the death of this process; Sync makes it survive the machine's. A torn last line, left by a crash, is
// cut off by Open; damage before intact lines is DataLoss and names the line.
//
// Thread-safe.
class Ledger {
 public:
  // Creates the file if there is none. Unavailable: names the path and the reason.
  static absl::StatusOr<std::unique_ptr<Ledger>> Open(const std::string& path);
  ~Ledger();

  // All events or none. FailedPrecondition: an event breaks the order of life. Unavailable: cannot write (disk full).
  absl::Status Append(std::vector<LedgerEvent> events);

  absl::Status Sync();

  // Bytes of intact events: where the next one goes.
  uint64_t offset() const;

  // Forgets everything from `offset` on. InvalidArgument: not the end of an event in this file.
  absl::Status TruncateTo(uint64_t offset);

  LedgerState state() const;  // A copy.
  LedgerCounts counts() const;
  absl::Status Balance() const;  // LedgerState::CheckBalance.

  // Nullopt unless the group is open.
  std::optional<LedgerState::OpenGroup> FindOpen(const std::string& group_id) const;

  // kOpen: issued, its result is not in. kAccepted: admitted to the buffer, not trained.
  enum class Standing { kUnknown, kOpen, kAccepted, kTrained, kDropped };
  Standing StandingOf(const std::string& group_id) const;

 private:
  Ledger(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  const std::string path_;
  const int fd_;
  mutable absl::Mutex mutex_;  // Guards everything below, and the file.
  uint64_t offset_ ABSL_GUARDED_BY(mutex_) = 0;
  LedgerState state_ ABSL_GUARDED_BY(mutex_);
};

// What is in a ledger file, without opening it for writing: works beside a running learner.
struct LedgerFile {
  LedgerState state;
  uint64_t intact_bytes = 0;
  uint64_t torn_bytes = 0;  // After them: an event that is being written, or was cut by a crash.
};

// NotFound: no such file. DataLoss: names the damaged line. FailedPrecondition: names the line that breaks the order of
// life. `visit` sees each intact event, in order.
absl::StatusOr<LedgerFile> ReadLedger(
    const std::string& path, const std::function<void(const LedgerEvent&)>& visit = [](const LedgerEvent&) {});

}  // namespace maspo
