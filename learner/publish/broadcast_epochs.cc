#include "learner/publish/broadcast_epochs.h"

#include <google/protobuf/util/time_util.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/limited_log.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"

namespace maspo {

void BroadcastEpochs::AddWorker(const std::string& worker_id) {
  SteadyLock lock(&mutex_);
  workers_.insert(worker_id);
}

void BroadcastEpochs::EndWorker(const std::string& worker_id) {
  PendingAnswers answers;
  SteadyLock lock(&mutex_);
  workers_.erase(worker_id);
  if (std::optional<Joins::Call> join = joins_.TakeOf(worker_id)) {
    answers.Add<MaybePlan>(std::move(join->answer), CheckJoin(worker_id));
  }
}

void BroadcastEpochs::Publish(v1::WeightManifest manifest, std::shared_ptr<PolicySnapshot> weights, absl::Time since) {
  SteadyLock lock(&mutex_);
  MASPO_CHECK(!newest_ || newest_->manifest.policy_version() < manifest.policy_version());
  newest_ = Version{std::move(manifest), std::move(weights), since};
}

absl::Status BroadcastEpochs::CheckJoin(const std::string& worker_id) const {
  if (!closed_.ok()) return closed_;
  if (workers_.contains(worker_id)) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("worker \"", worker_id, "\" is not registered; register again"));
}

Ticket BroadcastEpochs::Park(const std::string& worker_id, int64_t served_version, Answer<MaybePlan> answer) {
  PendingAnswers answers;
  SteadyLock lock(&mutex_);
  if (absl::Status refusal = CheckJoin(worker_id); !refusal.ok()) {
    answers.Add<MaybePlan>(std::move(answer), std::move(refusal));
    return 0;
  }
  return joins_.Park({worker_id, served_version, std::move(answer)}, answers);
}

bool BroadcastEpochs::Withdraw(Ticket ticket) {
  SteadyLock lock(&mutex_);
  return joins_.Take(ticket).has_value();
}

absl::Status BroadcastEpochs::Acknowledge(const v1::AcknowledgeRequest& acknowledgement) {
  SteadyLock lock(&mutex_);
  if (!acknowledgement.error().empty()) {
    static LimitedLog log;
    log.Warn("{} did not receive policy version {}: {}", acknowledgement.worker_id(), acknowledgement.policy_version(),
             acknowledgement.error());
    return absl::OkStatus();
  }
  if (!newest_ || acknowledgement.policy_version() != newest_->manifest.policy_version()) return absl::OkStatus();
  const auto is_digest = [](uint64_t received, const v1::WeightBucket& bucket) { return received == bucket.digest(); };
  if (!std::equal(acknowledgement.bucket_digests().begin(), acknowledgement.bucket_digests().end(),
                  newest_->manifest.buckets().begin(), newest_->manifest.buckets().end(), is_digest)) {
    return absl::FailedPreconditionError(absl::StrCat("policy version ", acknowledgement.policy_version(),
                                                      " has other digests than those of what ",
                                                      acknowledgement.worker_id(), " received"));
  }
  ++statistics_.acknowledged;
  statistics_.push_seconds_max =
      std::max(statistics_.push_seconds_max, absl::ToDoubleSeconds(SteadyNow() - newest_->published_at));
  return absl::OkStatus();
}

bool BroadcastEpochs::IsOutdated(const Joins::Call& join) const {
  return newest_ && join.request < newest_->manifest.policy_version();
}

size_t BroadcastEpochs::CountOutdated() const {
  if (!newest_) return 0;
  return std::count_if(joins_.calls().begin(), joins_.calls().end(),
                       [this](const auto& entry)
                           ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return IsOutdated(entry.second); });
}

std::optional<BroadcastEpochs::Epoch> BroadcastEpochs::Next() {
  PendingAnswers answers;
  SteadyLock lock(&mutex_);
  if (!AwaitMembers()) return std::nullopt;
  std::vector<Joins::Call> members = TakeMembers();
  Epoch epoch = Begin(members);
  for (size_t i = 0; i < members.size(); ++i) {
    answers.Add<MaybePlan>(std::move(members[i].answer), PlanOf(epoch, static_cast<uint32_t>(i) + 1));
  }
  return epoch;
}

// Until somebody lacks the newest version, and a moment longer for those that are not here yet. False: closed.
bool BroadcastEpochs::AwaitMembers() {
  while (closed_.ok()) {
    mutex_.Await([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !closed_.ok() || CountOutdated() > 0; });
    const auto everybody_waits = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return !closed_.ok() || CountOutdated() >= workers_.size();
    };
    mutex_.AwaitFor(everybody_waits, options_.gather);
    if (CountOutdated() > 0) break;  // The one that waited may have left meanwhile.
  }
  return closed_.ok();
}

// In the order of their names, so that the same workers have the same ranks in every epoch.
std::vector<BroadcastEpochs::Joins::Call> BroadcastEpochs::TakeMembers() {
  std::vector<Ticket> tickets;
  for (const auto& [ticket, join] : joins_.calls()) {
    if (IsOutdated(join)) tickets.push_back(ticket);
  }
  std::vector<Joins::Call> members;
  members.reserve(tickets.size());
  for (const Ticket ticket : tickets) members.push_back(*joins_.Take(ticket));
  std::sort(members.begin(), members.end(),
            [](const Joins::Call& a, const Joins::Call& b) { return a.worker_id < b.worker_id; });
  return members;
}

BroadcastEpochs::Epoch BroadcastEpochs::Begin(const std::vector<Joins::Call>& members) {
  Epoch epoch{.number = ++epochs_, .manifest = newest_->manifest, .weights = newest_->weights};
  for (const Joins::Call& member : members) epoch.members.push_back(member.worker_id);
  const auto serves_it = [&](const Joins::Call& member) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return member.request == connected_->version;  // What the last epoch brought.
  };
  const bool are_connected =
      connected_ && connected_->members == epoch.members && std::all_of(members.begin(), members.end(), serves_it);
  epoch.connects_anew = !are_connected;
  epoch.store_prefix = are_connected ? connected_->store_prefix : absl::StrCat("epoch/", epoch.number);
  return epoch;
}

v1::BroadcastPlan BroadcastEpochs::PlanOf(const Epoch& epoch, uint32_t rank) const {
  v1::BroadcastPlan plan;
  plan.set_epoch(epoch.number);
  plan.set_rank(rank);
  plan.set_world_size(static_cast<uint32_t>(epoch.members.size()) + 1);
  plan.set_store_host(options_.store_host);
  plan.set_store_port(options_.store_port);
  plan.set_store_prefix(epoch.store_prefix);
  *plan.mutable_timeout() =
      google::protobuf::util::TimeUtil::NanosecondsToDuration(absl::ToInt64Nanoseconds(options_.timeout));
  *plan.mutable_manifest() = epoch.manifest;
  plan.set_transport(options_.transport);
  return plan;
}

void BroadcastEpochs::End(const Epoch& epoch, const absl::Status& outcome) {
  SteadyLock lock(&mutex_);
  last_outcome_ = outcome;
  if (outcome.ok()) {
    connected_ = Connected{epoch.members, epoch.store_prefix, epoch.manifest.policy_version()};
    for (const v1::WeightBucket& bucket : epoch.manifest.buckets()) {
      statistics_.bytes += bucket.num_bytes() * epoch.members.size();
    }
    return;
  }
  connected_.reset();
  ++statistics_.failed_epochs;
  spdlog::warn("broadcast epoch {} of policy version {} to {} failed, its members join again: {}", epoch.number,
               epoch.manifest.policy_version(), absl::StrJoin(epoch.members, ", "), std::string(outcome.message()));
}

PushStatistics BroadcastEpochs::TakeStatistics() {
  SteadyLock lock(&mutex_);
  const PushStatistics taken = statistics_;
  statistics_.push_seconds_max = 0;
  statistics_.acknowledged = 0;
  return taken;
}

absl::Status BroadcastEpochs::last_outcome() const {
  SteadyLock lock(&mutex_);
  return last_outcome_;
}

uint64_t BroadcastEpochs::bytes_sent() const {
  SteadyLock lock(&mutex_);
  return statistics_.bytes;
}

size_t BroadcastEpochs::parked() const {
  SteadyLock lock(&mutex_);
  return joins_.size();
}

void BroadcastEpochs::Close(absl::Status why) {
  PendingAnswers answers;
  SteadyLock lock(&mutex_);
  closed_ = std::move(why);
  joins_.EndAll(closed_, answers);
}

}  // namespace maspo
