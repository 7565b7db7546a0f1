#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "proto/reward.pb.h"
#include "reward_server/extraction/answer_extractor.h"

namespace maspo {

// The verdicts of pairs that were compared before: within a group many responses give the same answer.
//
//   gold answer and candidate -> KeyOf() -> Find() -> known: its verdict
//                                                  -> else read, compare, Insert(); the least recently used make room
//
// A key is the whole text of both sides, not a digest of it: no answer can be made to collide with another. One cache
// serves one set of verification options. Memory is bounded by max_bytes, by its own count of texts and nodes.
//
// Thread-safe.
class VerdictCache {
 public:
  explicit VerdictCache(size_t max_bytes) : max_bytes_(max_bytes) {}

  // What a comparison depends on. `source` selects the rules by which it is made.
  static std::string KeyOf(std::string_view source, std::string_view gold, const Candidate& candidate);

  // Fills in the verdict, both answers as they were read and what decided; false: not known, `answer` is unchanged.
  bool Find(const std::string& key, v1::VerifiedAnswer& answer);

  // Keeps these fields of `answer`. A pair that would take more than a sixteenth of the memory is not kept.
  void Insert(std::string key, const v1::VerifiedAnswer& answer);

  size_t bytes() const;

 private:
  struct Entry {
    std::string key;
    v1::VerifiedAnswer answer;
    size_t bytes = 0;
  };

  const size_t max_bytes_;
  mutable absl::Mutex mutex_;                         // Guards everything below.
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // The most recently used first.
  absl::flat_hash_map<absl::string_view, std::list<Entry>::iterator> places_ ABSL_GUARDED_BY(mutex_);  // By Entry::key.
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace maspo
