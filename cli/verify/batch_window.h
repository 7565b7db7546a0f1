#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/reward.pb.h"
#include "services/base/steady_mutex.h"

namespace maspo {

// Numbered batches between one thread that reads and writes them in order and many that have them judged in any order.
//
//   reader: Add() -> open -> Take(): judge -> Finish() -> judged -> reader: Next(), in order of number
//                      ^---- GiveBack() ---'
//
// Each batch is judged once, whatever becomes of those who took it before: a batch that was taken is either finished or
// given back. The reader adds only while HasRoom(), which bounds what is held.
//
// Thread-safe. HasRoom(), Add(), Complete() and Next() have one caller, the reader.
class BatchWindow {
 public:
  struct Batch {
    uint64_t number = 0;
    v1::VerifyBatchRequest request;
    v1::VerifyBatchResponse response;
  };
  explicit BatchWindow(size_t capacity) : capacity_(capacity) {}

  bool HasRoom() const;
  void Add(v1::VerifyBatchRequest request);
  void Complete();  // Nothing is added any more.

  // The next judged batch in order; nothing when all are handed out. DeadlineExceeded: it is not judged yet; the
  // message says why a batch was given back last. Any other error is that of Fail().
  absl::StatusOr<std::optional<Batch>> Next(absl::Time deadline);

  // The open batch with the smallest number. Take() waits for one; nothing: there will be none, or Fail() was called.
  std::optional<Batch> Take();
  std::optional<Batch> TakeIfOpen();
  void Finish(Batch batch);
  void GiveBack(Batch batch, const absl::Status& why);

  // Ends the work: nobody gets another batch.
  void Fail(const absl::Status& why);

 private:
  bool TakeCanReturn() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool NextCanReturn() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Batch> PopOpen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t capacity_;
  mutable SteadyMutex mutex_;                                 // Guards everything below.
  std::map<uint64_t, Batch> open_ ABSL_GUARDED_BY(mutex_);    // By number.
  std::map<uint64_t, Batch> judged_ ABSL_GUARDED_BY(mutex_);  // By number.
  uint64_t added_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t handed_out_ ABSL_GUARDED_BY(mutex_) = 0;
  bool complete_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  absl::Status last_trouble_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace maspo
