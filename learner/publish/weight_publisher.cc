#include "learner/publish/weight_publisher.h"

#include <exception>
#include <optional>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "collective/collective.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"
#include "spdlog/spdlog.h"

namespace maspo {

absl::StatusOr<std::unique_ptr<WeightPublisher>> WeightPublisher::Create(const Options& options) {
  MASPO_ASSIGN_OR_RETURN(auto store, ServeStore(options.host, /*port=*/0));
  return std::unique_ptr<WeightPublisher>(new WeightPublisher(options, std::move(store)));
}

WeightPublisher::WeightPublisher(const Options& options, c10::intrusive_ptr<c10d::TCPStore> store)
    : options_(options),
      store_(std::move(store)),
      epochs_({.store_host = options.host,
               .store_port = store_->getPort(),
               .transport = options.transport.is_cpu() ? v1::WEIGHT_TRANSPORT_GLOO : v1::WEIGHT_TRANSPORT_NCCL,
               .timeout = options.timeout,
               .gather = options.gather}),
      describer_([this] { DescribeLoop(); }),
      broadcaster_([this] { BroadcastLoop(); }) {}

WeightPublisher::~WeightPublisher() {
  epochs_.Close();
  {
    SteadyLock lock(&mutex_);
    is_closed_ = true;
  }
  describer_.join();
  broadcaster_.join();
}

void WeightPublisher::Publish(std::shared_ptr<PolicySnapshot> weights, int64_t policy_version) {
  SteadyLock lock(&mutex_);
  next_ = Undescribed{std::move(weights), policy_version, SteadyNow()};
}

std::string WeightPublisher::Problem() const {
  {
    SteadyLock lock(&mutex_);
    if (!described_.ok()) return std::string(described_.message());
  }
  return std::string(epochs_.last_outcome().message());
}

void WeightPublisher::DescribeLoop() {
  while (true) {
    Undescribed version;
    {
      SteadyLock lock(&mutex_);
      mutex_.Await([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return is_closed_ || next_; });
      if (is_closed_) return;
      version = *std::exchange(next_, std::nullopt);
    }
    absl::StatusOr<v1::WeightManifest> manifest = version.weights->Describe(version.policy_version);
    if (manifest.ok()) {
      epochs_.Publish(*std::move(manifest), std::move(version.weights), version.since);
    } else {
      spdlog::warn("policy version {} does not reach the workers: {}", version.policy_version,
                   std::string(manifest.status().message()));
    }
    SteadyLock lock(&mutex_);
    described_ = manifest.status();
  }
}

void WeightPublisher::BroadcastLoop() {
  while (const std::optional<BroadcastEpochs::Epoch> epoch = epochs_.Next()) {
    const absl::Status outcome = Broadcast(*epoch);
    if (!outcome.ok()) backend_ = nullptr;
    epochs_.End(*epoch, outcome);
  }
}

absl::Status WeightPublisher::Broadcast(const BroadcastEpochs::Epoch& epoch) {
  if (epoch.connects_anew) MASPO_RETURN_IF_ERROR(Connect(epoch));
  return epoch.weights->ForEachBucket(
      [this](size_t, const torch::Tensor& values) { return maspo::Broadcast(*backend_, values, /*root=*/0); });
}

absl::Status WeightPublisher::Connect(const BroadcastEpochs::Epoch& epoch) {
  backend_ = nullptr;
  ForgetKeysOf(std::exchange(backend_prefix_, epoch.store_prefix));
  MASPO_ASSIGN_OR_RETURN(
      backend_, MakeBackend(options_.transport, c10::make_intrusive<c10d::PrefixStore>(epoch.store_prefix, store_),
                            /*rank=*/0, static_cast<int>(epoch.members.size()) + 1, options_.timeout, options_.host));
  return absl::OkStatus();
}

// Nobody meets there any more, but every member left its address.
void WeightPublisher::ForgetKeysOf(const std::string& store_prefix) {
  if (store_prefix.empty()) return;
  try {
    for (const std::string& key : store_->listKeys()) {
      if (absl::StrContains(key, store_prefix + "/")) store_->deleteKey(key);
    }
  } catch (const std::exception& error) {
    spdlog::warn("the keys of {} stay in the rendezvous store: {}", store_prefix, error.what());
  }
}

}  // namespace maspo
