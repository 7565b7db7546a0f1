#include "reward_server/verification/verdict_cache.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace maspo {
namespace {

constexpr size_t kNodeBytes = 128;  // Of the list, the map and the allocator, for each entry.
constexpr size_t kLargestShare = 16;

}  // namespace

std::string VerdictCache::KeyOf(std::string_view source, std::string_view gold, const Candidate& candidate) {
  // Lengths in front of texts, which may hold any byte: no two pairs have the same key.
  std::string key = absl::StrCat(source.size(), ",", gold.size(), ",", static_cast<int>(candidate.notation), ",");
  key.append(source).append(gold);
  for (const Candidate::Part& part : candidate.parts) {
    absl::StrAppend(&key, part.text.size(), part.is_percent ? "%" : ",", part.text);
  }
  return key;
}

bool VerdictCache::Find(const std::string& key, v1::VerifiedAnswer& answer) {
  absl::MutexLock lock(&mutex_);
  const auto place = places_.find(key);
  if (place == places_.end()) return false;
  entries_.splice(entries_.begin(), entries_, place->second);
  answer.MergeFrom(place->second->answer);
  return true;
}

void VerdictCache::Insert(std::string key, const v1::VerifiedAnswer& answer) {
  Entry entry{std::move(key), {}, 0};
  entry.answer.set_verdict(answer.verdict());
  entry.answer.set_answer(answer.answer());
  entry.answer.set_gold_answer(answer.gold_answer());
  entry.answer.set_decided_by(answer.decided_by());
  entry.bytes = kNodeBytes + sizeof(Entry) + entry.key.capacity() + entry.answer.SpaceUsedLong();
  if (entry.bytes > max_bytes_ / kLargestShare) return;

  absl::MutexLock lock(&mutex_);
  if (places_.contains(entry.key)) return;  // Another thread was faster.
  bytes_ += entry.bytes;
  entries_.push_front(std::move(entry));
  places_.emplace(entries_.front().key, entries_.begin());
  while (bytes_ > max_bytes_) {
    bytes_ -= entries_.back().bytes;
    places_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

size_t VerdictCache::bytes() const {
  absl::MutexLock lock(&mutex_);
  return bytes_;
}

}  // namespace maspo
