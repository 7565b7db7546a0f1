#include "learner/prompts/lease_table.h"

#include <algorithm>
#include <utility>

#include "services/base/status_macros.h"

namespace maspo {

void LeaseTable::Add(v1::PromptGroup group, uint32_t attempts, std::string reason) {
  const auto [it, is_new] = entries_.try_emplace(group.group_id());
  MASPO_CHECK(is_new);
  it->second.group = std::move(group);
  it->second.attempt = attempts;
  it->second.reason = std::move(reason);
  WaitingLike(it->second).insert(it->first);
}

const LeaseTable::Entry* LeaseTable::Find(const std::string& group_id) const {
  const auto it = entries_.find(group_id);
  return it == entries_.end() ? nullptr : &it->second;
}

const LeaseTable::Entry* LeaseTable::NextFor(const std::string& worker_id) const {
  const Entry* evaluation = FirstFor(worker_id, waiting_evaluation_);
  return evaluation != nullptr ? evaluation : FirstFor(worker_id, waiting_training_);
}

const LeaseTable::Entry* LeaseTable::FirstFor(const std::string& worker_id,
                                              const std::set<std::string>& waiting) const {
  for (const std::string& group_id : waiting) {
    const Entry* entry = Find(group_id);
    if (!entry->refused_by.contains(worker_id)) return entry;
  }
  return nullptr;
}

LeaseTable::Waiting LeaseTable::WaitingFor(const std::string& worker_id) const {
  if (num_refused_ == 0) return {.evaluation = num_waiting_evaluation(), .training = num_waiting_training()};
  const auto count = [&](const std::set<std::string>& waiting) -> uint64_t {
    return std::count_if(waiting.begin(), waiting.end(),
                         [&](const std::string& group_id) { return !Find(group_id)->refused_by.contains(worker_id); });
  };
  return {.evaluation = count(waiting_evaluation_), .training = count(waiting_training_)};
}

std::set<std::string>& LeaseTable::WaitingLike(const Entry& entry) {
  return entry.group.purpose() == v1::PURPOSE_TRAIN ? waiting_training_ : waiting_evaluation_;
}

const LeaseTable::Entry& LeaseTable::Lease(const std::string& group_id, const std::string& worker_id,
                                           absl::Time expires) {
  Entry& entry = entries_.at(group_id);
  MASPO_CHECK(entry.holder.empty());
  WaitingLike(entry).erase(group_id);
  ++entry.attempt;
  entry.holder = worker_id;
  entry.holders.insert(worker_id);
  entry.expires = expires;
  ++leases_of_worker_[worker_id];
  return entry;
}

const LeaseTable::Entry& LeaseTable::EndLease(const std::string& group_id, const std::string& reason) {
  Entry& entry = entries_.at(group_id);
  MASPO_CHECK(!entry.holder.empty());
  ClearHolder(entry);
  WaitingLike(entry).insert(group_id);
  entry.reason = reason;
  return entry;
}

void LeaseTable::UndoLease(const std::string& group_id, const std::string& reason) {
  EndLease(group_id, reason);
  --entries_.at(group_id).attempt;
}

const LeaseTable::Entry& LeaseTable::Refuse(const std::string& group_id, const std::string& reason) {
  Entry& entry = entries_.at(group_id);
  if (entry.refused_by.empty()) ++num_refused_;
  entry.refused_by.insert(entry.holder);
  UndoLease(group_id, reason);
  return entry;
}

void LeaseTable::Remove(const std::string& group_id) {
  const auto it = entries_.find(group_id);
  MASPO_CHECK(it != entries_.end());
  if (it->second.holder.empty()) {
    WaitingLike(it->second).erase(group_id);
  } else {
    ClearHolder(it->second);
  }
  if (!it->second.refused_by.empty()) --num_refused_;
  entries_.erase(it);
}

void LeaseTable::ClearHolder(Entry& entry) {
  const auto it = leases_of_worker_.find(entry.holder);
  if (--it->second == 0) leases_of_worker_.erase(it);
  entry.holder.clear();
}

void LeaseTable::Renew(const std::string& group_id, const std::string& worker_id, absl::Time expires) {
  const auto it = entries_.find(group_id);
  if (it != entries_.end() && it->second.holder == worker_id) it->second.expires = expires;
}

std::vector<std::string> LeaseTable::HeldBy(const std::string& worker_id) const {
  return Leased([&](const Entry& entry) { return entry.holder == worker_id; });
}

std::vector<std::string> LeaseTable::ExpiredAt(absl::Time now) const {
  return Leased([&](const Entry& entry) { return entry.expires <= now; });
}

std::vector<std::string> LeaseTable::Leased(const std::function<bool(const Entry&)>& which) const {
  std::vector<std::string> ids;
  for (const auto& [group_id, entry] : entries_) {
    if (!entry.holder.empty() && which(entry)) ids.push_back(group_id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

uint64_t LeaseTable::num_held_by(const std::string& worker_id) const {
  const auto it = leases_of_worker_.find(worker_id);
  return it == leases_of_worker_.end() ? 0 : it->second;
}

}  // namespace maspo
