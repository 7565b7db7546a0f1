#include "learner/publish/weight_publisher.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "collective/collective.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return proto;
}

}  // namespace

absl::StatusOr<std::unique_ptr<WeightPublisher>> WeightPublisher::Create(
    const Options& options, std::function<std::vector<std::string>()> live_workers) {
  MASPO_ASSIGN_OR_RETURN(auto store, ServeStore(options.host, /*port=*/0));
  return std::unique_ptr<WeightPublisher>(new WeightPublisher(options, std::move(live_workers), std::move(store)));
}

WeightPublisher::WeightPublisher(const Options& options, std::function<std::vector<std::string>()> live_workers,
                                 c10::intrusive_ptr<c10d::TCPStore> store)
    : options_(options),
      live_workers_(std::move(live_workers)),
      store_(std::move(store)),
      thread_([this] { BroadcastLoop(); }) {}

WeightPublisher::~WeightPublisher() {
  Close();
  thread_.join();
}

void WeightPublisher::Close(absl::Status why) {
  absl::MutexLock lock(&mutex_);
  closed_ = std::move(why);
}

void WeightPublisher::Publish(const ParameterSet& parameters, const ModelConfig& config, int64_t policy_version) {
  Snapshot snapshot;
  snapshot.parameters = ParameterSet::Allocate(config, options_.transport, torch::kFloat32, /*trainable=*/false);
  snapshot.parameters->CopyFrom(parameters);
  snapshot.manifest = DescribeWeights(*snapshot.parameters, policy_version);
  snapshot.published_at = absl::Now();
  absl::MutexLock lock(&mutex_);
  MASPO_CHECK(!newest_ || newest_->manifest.policy_version() < policy_version);
  newest_ = std::move(snapshot);
}

absl::StatusOr<std::optional<v1::BroadcastPlan>> WeightPublisher::Join(const std::string& worker_id,
                                                                       int64_t served_version, absl::Time deadline) {
  const auto live = live_workers_();
  if (std::find(live.begin(), live.end(), worker_id) == live.end()) {
    return absl::NotFoundError(absl::StrCat("worker \"", worker_id, "\" is not registered; register again"));
  }
  absl::MutexLock lock(&mutex_);
  const uint64_t ticket = ++tickets_;
  parked_[worker_id] = {ticket, served_version, std::nullopt};
  const auto is_answered = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto it = parked_.find(worker_id);
    return !closed_.ok() || it == parked_.end() || it->second.ticket != ticket || it->second.plan.has_value();
  };
  mutex_.AwaitWithDeadline(absl::Condition(&is_answered), deadline);

  const auto it = parked_.find(worker_id);
  const bool is_ours = it != parked_.end() && it->second.ticket == ticket;
  std::optional<v1::BroadcastPlan> plan;
  if (is_ours) {
    plan = std::move(it->second.plan);
    parked_.erase(it);
  }
  if (!closed_.ok()) return closed_;
  return plan;
}

absl::Status WeightPublisher::Acknowledge(const v1::AcknowledgeRequest& acknowledgement) {
  absl::MutexLock lock(&mutex_);
  if (!acknowledgement.error().empty()) {
    spdlog::warn("{} did not receive policy version {}: {}", acknowledgement.worker_id(),
                 acknowledgement.policy_version(), acknowledgement.error());
    group_is_broken_ = true;
    return absl::OkStatus();
  }
  if (!newest_ || acknowledgement.policy_version() != newest_->manifest.policy_version()) return absl::OkStatus();
  if (acknowledgement.digest() != newest_->manifest.digest()) {
    return absl::FailedPreconditionError(absl::StrCat("policy version ", acknowledgement.policy_version(),
                                                      " has digest ", newest_->manifest.digest(), ", received was ",
                                                      acknowledgement.digest()));
  }
  ++statistics_.acknowledged;
  statistics_.push_seconds_max =
      std::max(statistics_.push_seconds_max, absl::ToDoubleSeconds(absl::Now() - newest_->published_at));
  return absl::OkStatus();
}

WeightPublisher::Statistics WeightPublisher::TakeStatistics() {
  absl::MutexLock lock(&mutex_);
  const Statistics taken = statistics_;
  statistics_.push_seconds_max = 0;
  statistics_.acknowledged = 0;
  return taken;
}

uint64_t WeightPublisher::bytes_sent() const {
  absl::MutexLock lock(&mutex_);
  return statistics_.bytes;
}

std::vector<std::string> WeightPublisher::Outdated() const {
  std::vector<std::string> ids;
  for (const auto& [id, parked] : parked_) {
    if (newest_ && !parked.plan && parked.served_version < newest_->manifest.policy_version()) ids.push_back(id);
  }
  return ids;
}

void WeightPublisher::BroadcastLoop() {
  Group group;
  while (true) {
    Snapshot snapshot;
    uint64_t epoch = 0;
    {
      absl::MutexLock lock(&mutex_);
      const auto somebody_waits = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return !closed_.ok() || !Outdated().empty();
      };
      mutex_.Await(absl::Condition(&somebody_waits));
      if (!closed_.ok()) return;

      // Give the live workers that are still between two calls a moment, so that one epoch serves all.
      const auto live = live_workers_();
      const auto everybody_waits = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return !closed_.ok() || Outdated().size() >= live.size();
      };
      mutex_.AwaitWithTimeout(absl::Condition(&everybody_waits), options_.gather);
      if (!closed_.ok()) return;

      const std::set<std::string> alive(live.begin(), live.end());
      std::vector<std::string> members;
      for (const std::string& id : Outdated()) {
        if (alive.contains(id)) {
          members.push_back(id);
        } else {
          parked_.erase(id);  // It died while parked.
        }
      }
      if (members.empty()) continue;

      snapshot = *newest_;
      epoch = ++epoch_;
      if (group_is_broken_ || group.members != members || group.backend == nullptr) {
        group = {members, absl::StrCat("epoch/", epoch), nullptr};
        group_is_broken_ = false;
      }
      for (uint32_t i = 0; i < members.size(); ++i) {
        v1::BroadcastPlan plan;
        plan.set_epoch(epoch);
        plan.set_rank(i + 1);
        plan.set_world_size(static_cast<uint32_t>(members.size()) + 1);
        plan.set_store_host(options_.host);
        plan.set_store_port(store_->getPort());
        plan.set_store_prefix(group.store_prefix);
        *plan.mutable_timeout() = ToProto(options_.timeout);
        *plan.mutable_manifest() = snapshot.manifest;
        plan.set_transport(options_.transport.is_cpu() ? v1::WEIGHT_TRANSPORT_GLOO : v1::WEIGHT_TRANSPORT_NCCL);
        parked_[members[i]].plan = std::move(plan);
      }
    }

    const absl::Status status = BroadcastSnapshot(snapshot, group);
    absl::MutexLock lock(&mutex_);
    if (status.ok()) {
      for (const v1::WeightBucket& bucket : snapshot.manifest.buckets()) {
        statistics_.bytes += bucket.num_bytes() * group.members.size();
      }
    } else {
      ++statistics_.failed_epochs;
      group.backend = nullptr;
      spdlog::warn("broadcast epoch {} of policy version {} to {} failed, its members join again: {}", epoch,
                   snapshot.manifest.policy_version(), absl::StrJoin(group.members, ", "),
                   std::string(status.message()));
    }
  }
}

absl::Status WeightPublisher::BroadcastSnapshot(const Snapshot& snapshot, Group& group) const {
  if (group.backend == nullptr) {
    MASPO_ASSIGN_OR_RETURN(
        group.backend,
        MakeBackend(options_.transport, c10::make_intrusive<c10d::PrefixStore>(group.store_prefix, store_),
                    /*rank=*/0, static_cast<int>(group.members.size()) + 1, options_.timeout, options_.host));
  }
  for (const ParameterBucket& bucket : snapshot.parameters->buckets()) {
    MASPO_RETURN_IF_ERROR(Broadcast(*group.backend, bucket.values, /*root=*/0));
  }
  return absl::OkStatus();
}

}  // namespace maspo
