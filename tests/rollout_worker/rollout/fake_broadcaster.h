#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "collective/collective.h"
#include "model/parameter_set.h"
#include "services/base/steady_clock.h"
#include "services/base/steady_mutex.h"
#include "services/weights/weight_channel.h"
#include "tests/model/held_weights.h"

namespace maspo {

// Stands for the learner's publisher: broadcasts the weights that a test publishes, over Gloo, to each worker alone.
class FakeBroadcaster final : public WeightChannel {
 public:
  ~FakeBroadcaster() override {
    for (std::thread& thread : threads_) thread.join();
  }

  void Publish(std::shared_ptr<ParameterSet> parameters, int64_t version) {
    SteadyLock lock(&mutex_);
    parameters_ = std::move(parameters);
    version_ = version;
  }
  // Every waiting and later call returns this.
  void Answer(absl::Status status) {
    SteadyLock lock(&mutex_);
    status_ = std::move(status);
  }

  absl::StatusOr<std::optional<v1::BroadcastPlan>> Join(const std::string&, int64_t served_version,
                                                        absl::Time deadline) override {
    SteadyLock lock(&mutex_);
    const auto can_return = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return !status_.ok() || version_ > served_version;
    };
    mutex_.AwaitUntil(can_return, deadline);
    if (!status_.ok()) return status_;
    if (version_ <= served_version) return std::nullopt;
    v1::BroadcastPlan plan;
    plan.set_epoch(++epoch_);
    plan.set_rank(1);
    plan.set_world_size(2);
    plan.set_store_host("127.0.0.1");
    plan.set_store_port(store_->getPort());
    plan.set_store_prefix(absl::StrCat("epoch/", epoch_));
    plan.mutable_timeout()->set_seconds(20);
    *plan.mutable_manifest() = Describe(*parameters_, version_);
    threads_.emplace_back([this, prefix = plan.store_prefix(), parameters = parameters_] {
      const auto backend = MakeBackend(torch::kCPU, c10::make_intrusive<c10d::PrefixStore>(prefix, store_), 0, 2,
                                       absl::Seconds(20), "127.0.0.1");
      if (!backend.ok()) return;
      for (const ParameterBucket& bucket : parameters->buckets()) Broadcast(**backend, bucket.values, 0).IgnoreError();
    });
    return plan;
  }

  absl::Status Acknowledge(const v1::AcknowledgeRequest&) override {
    SteadyLock lock(&mutex_);
    return status_;
  }

 private:
  const c10::intrusive_ptr<c10d::TCPStore> store_ = *ServeStore("127.0.0.1", 0);
  SteadyMutex mutex_;
  std::shared_ptr<ParameterSet> parameters_ ABSL_GUARDED_BY(mutex_);
  int64_t version_ ABSL_GUARDED_BY(mutex_) = -1;
  uint64_t epoch_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::list<std::thread> threads_;
};

}  // namespace maspo
