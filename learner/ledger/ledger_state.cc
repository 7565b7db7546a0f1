#include "learner/ledger/ledger_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace maspo {
namespace {

using Kind = LedgerEventKind;

absl::Status BadOrder(const LedgerEvent& event, const std::string& why) {
  return absl::FailedPreconditionError(
      absl::StrCat("group ", event.group_id, " cannot be ", NameOf(event.kind), ": ", why));
}

// Stages a result passes, one after the other.
bool Follows(Kind stage, Kind next) {
  switch (next) {
    case Kind::kGenerated:
      return stage == Kind::kIssued;
    case Kind::kScored:
      return stage == Kind::kGenerated;
    case Kind::kAdmitted:
      return stage == Kind::kScored;
    case Kind::kTrained:
      return stage == Kind::kAdmitted;
    default:  // Reissued and dropped: at any time.
      return true;
  }
}

}  // namespace

uint64_t LedgerCounts::dropped() const {
  uint64_t sum = 0;
  for (const auto& [reason, groups] : dropped_by_reason) sum += groups;
  return sum;
}

absl::Status LedgerState::Apply(const LedgerEvent& event) {
  if (const auto closed = closed_.find(event.group_id); closed != closed_.end()) {
    return BadOrder(event, closed->second ? "it was trained" : "it was dropped");
  }
  const auto it = open_.find(event.group_id);
  if (event.kind == Kind::kIssued) {
    if (it != open_.end()) return BadOrder(event, "it is issued already");
    open_[event.group_id] = {.prompt_id = event.prompt_id, .visit = event.visit, .attempt = event.attempt};
    ++counts_.issued;
    ++counts_.open;
    return absl::OkStatus();
  }
  if (it == open_.end()) return BadOrder(event, "it was never issued");
  OpenGroup& group = it->second;
  if (!Follows(group.stage, event.kind)) {
    return BadOrder(event, absl::StrCat("its last event is \"", NameOf(group.stage), "\""));
  }
  Advance(group, event);
  return absl::OkStatus();
}

void LedgerState::Advance(OpenGroup& group, const LedgerEvent& event) {
  if (event.kind == Kind::kReissued) {
    group.stage = Kind::kIssued;  // The next attempt goes through the same stages.
    group.attempt = event.attempt;
    ++counts_.reissued;
    return;
  }
  if (event.kind == Kind::kTrained || event.kind == Kind::kDropped) {
    const bool trained = event.kind == Kind::kTrained;
    ++(trained ? counts_.trained : counts_.dropped_by_reason[event.reason]);
    if (trained) last_trained_step_ = std::max(last_trained_step_, event.step);
    closed_[event.group_id] = trained;
    --counts_.open;
    open_.erase(event.group_id);
    return;
  }
  group.stage = event.kind;
  if (event.kind <= group.furthest) return;  // An earlier attempt came this far.
  group.furthest = event.kind;
  ++(event.kind == Kind::kGenerated ? counts_.generated
     : event.kind == Kind::kScored  ? counts_.scored
                                    : counts_.admitted);
}

LedgerState LedgerState::Excerpt(const std::vector<LedgerEvent>& events) const {
  LedgerState excerpt;
  for (const LedgerEvent& event : events) {
    if (const auto it = open_.find(event.group_id); it != open_.end()) excerpt.open_.insert(*it);
    if (const auto it = closed_.find(event.group_id); it != closed_.end()) excerpt.closed_.insert(*it);
  }
  return excerpt;
}

const LedgerState::OpenGroup* LedgerState::FindOpen(const std::string& group_id) const {
  const auto it = open_.find(group_id);
  return it == open_.end() ? nullptr : &it->second;
}

std::vector<std::string> LedgerState::OpenIds() const {
  std::vector<std::string> ids;
  for (const auto& [group_id, group] : open_) ids.push_back(group_id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

bool LedgerState::IsTrained(const std::string& group_id) const {
  const auto it = closed_.find(group_id);
  return it != closed_.end() && it->second;
}

bool LedgerState::IsDropped(const std::string& group_id) const {
  const auto it = closed_.find(group_id);
  return it != closed_.end() && !it->second;
}

absl::Status LedgerState::CheckBalance() const {
  const LedgerCounts& c = counts_;
  const bool balanced = c.issued == c.trained + c.dropped() + open_.size() && c.open == open_.size() &&
                        c.issued == closed_.size() + open_.size() && c.issued >= c.generated &&
                        c.generated >= c.scored && c.scored >= c.admitted && c.admitted >= c.trained;
  if (balanced) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("the ledger does not balance: issued ", c.issued, ", generated ", c.generated,
                                          ", scored ", c.scored, ", admitted ", c.admitted, ", trained ", c.trained,
                                          ", dropped ", c.dropped(), ", open ", open_.size()));
}

}  // namespace maspo
