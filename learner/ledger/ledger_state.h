#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "learner/ledger/ledger_event.h"

namespace maspo {

// How many groups there are in which part of their life. A group counts once under every stage it ever reached.
struct LedgerCounts {
  uint64_t issued = 0;
  uint64_t reissued = 0;  // Events, not groups.
  uint64_t generated = 0;
  uint64_t scored = 0;
  uint64_t admitted = 0;
  uint64_t trained = 0;
  std::map<std::string, uint64_t> dropped_by_reason;
  uint64_t open = 0;  // Neither trained nor dropped.

  uint64_t dropped() const;
};

// What a sequence of ledger events amounts to. Pure.
//
//   issued -> generated -> scored -> admitted -> trained          reissued: back to issued, from any stage before
//   trained
//                                                                 dropped: the end, from any stage before trained
class LedgerState {
 public:
  struct OpenGroup {
    std::string prompt_id;
    uint32_t visit = 0;
    uint32_t attempt = 0;
    LedgerEventKind stage = LedgerEventKind::kIssued;     // Of the current attempt.
    LedgerEventKind furthest = LedgerEventKind::kIssued;  // Of any attempt.
  };

  // FailedPrecondition, and no change: the event breaks the order above.
  absl::Status Apply(const LedgerEvent& event);

  // As much of this state as decides whether `events` may happen; its counts mean nothing.
  LedgerState Excerpt(const std::vector<LedgerEvent>& events) const;

  const LedgerCounts& counts() const { return counts_; }
  uint64_t last_trained_step() const { return last_trained_step_; }  // 0 = none.

  const OpenGroup* FindOpen(const std::string& group_id) const;  // Null unless the group is open.
  std::vector<std::string> OpenIds() const;                      // Ascending.
  bool IsTrained(const std::string& group_id) const;
  bool IsDropped(const std::string& group_id) const;

  // Internal (with the numbers) unless issued == trained + dropped + open, and no stage has more groups than the one
  // before it.
  absl::Status CheckBalance() const;

 private:
  void Advance(OpenGroup& group, const LedgerEvent& event);

  LedgerCounts counts_;
  uint64_t last_trained_step_ = 0;
  absl::flat_hash_map<std::string, OpenGroup> open_;
  absl::flat_hash_map<std::string, bool> closed_;  // Whether the group was trained; else it was dropped.
};

}  // namespace maspo
