#include "rollout_worker/weights/weight_receiver.h"

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>

#include "absl/strings/str_format.h"
#include "collective/collective.h"
#include "model/weight_digest.h"
#include "model/weight_manifest.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"

namespace maspo {
namespace {

absl::Duration TimeoutOf(const v1::BroadcastPlan& plan) {
  return absl::Seconds(plan.timeout().seconds()) + absl::Nanoseconds(plan.timeout().nanos());
}

// Where the buckets arrive.
absl::StatusOr<torch::Device> TransportDevice(const v1::BroadcastPlan& plan, torch::Device device) {
  if (plan.transport() == v1::WEIGHT_TRANSPORT_GLOO) return torch::Device(torch::kCPU);
  if (!device.is_cpu()) return device;
  return absl::FailedPreconditionError(
      "the learner sends weights by NCCL, but this worker's device is cpu: set the learner's weights.backend to gloo");
}

// Before any byte is received: a bucket of another size would break the collective.
absl::Status CheckLayout(const v1::WeightManifest& manifest, const ParameterSet& parameters) {
  bool same = manifest.buckets_size() == static_cast<int>(parameters.buckets().size());
  for (int i = 0; same && i < manifest.buckets_size(); ++i) {
    const ParameterBucket& bucket = parameters.buckets()[i];
    same = manifest.buckets(i).name() == bucket.name && manifest.buckets(i).num_bytes() == bucket.values.nbytes();
  }
  if (same) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the learner's tensors differ from this worker's; point model.path at the same folder");
}

absl::Status CheckDigests(const v1::WeightManifest& manifest, const ParameterSet& parameters) {
  for (int i = 0; i < manifest.buckets_size(); ++i) {
    const uint64_t digest = DigestOf(parameters.buckets()[i].values);
    if (digest == manifest.buckets(i).digest()) continue;
    return absl::UnavailableError(
        absl::StrFormat("policy version %d arrived damaged: the digest of %s is %016x and should be %016x",
                        manifest.policy_version(), manifest.buckets(i).name(), digest, manifest.buckets(i).digest()));
  }
  return absl::OkStatus();
}

}  // namespace

WeightReceiver::WeightReceiver(const Options& options, ModelConfig config, WeightChannel* channel)
    : options_(options), config_(std::move(config)), channel_(channel) {}

absl::StatusOr<std::optional<ReceivedWeights>> WeightReceiver::ReceiveNewer(const std::string& worker_id,
                                                                            int64_t served_version,
                                                                            absl::Time deadline) {
  MASPO_ASSIGN_OR_RETURN(std::optional<v1::BroadcastPlan> plan, channel_->Join(worker_id, served_version, deadline));
  if (!plan) return std::nullopt;

  const absl::Time start = SteadyNow();
  absl::StatusOr<ReceivedWeights> received = Receive(*plan);
  v1::AcknowledgeRequest acknowledgement;
  acknowledgement.set_worker_id(worker_id);
  acknowledgement.set_epoch(plan->epoch());
  acknowledgement.set_policy_version(plan->manifest().policy_version());
  if (received.ok()) {
    for (const v1::WeightBucket& bucket : plan->manifest().buckets()) {
      acknowledgement.add_bucket_digests(bucket.digest());
    }
  } else {
    acknowledgement.set_error(std::string(received.status().message()));
    backend_ = nullptr;
  }
  const absl::Duration receive_time = SteadyNow() - start;
  acknowledgement.set_seconds(static_cast<float>(absl::ToDoubleSeconds(receive_time)));
  MASPO_RETURN_IF_ERROR(channel_->Acknowledge(acknowledgement));
  if (!received.ok()) return received.status();
  received->receive_time = receive_time;
  received->worker_id = worker_id;
  return *std::move(received);
}

absl::StatusOr<ReceivedWeights> WeightReceiver::Receive(const v1::BroadcastPlan& plan) {
  ReceivedWeights received;
  received.policy_version = plan.manifest().policy_version();
  MASPO_ASSIGN_OR_RETURN(const torch::Device transport, TransportDevice(plan, options_.device));
  MASPO_ASSIGN_OR_RETURN(const torch::Dtype dtype, DtypeOf(plan.manifest()));
  received.parameters = ParameterSet::Allocate(config_, transport, dtype);
  MASPO_RETURN_IF_ERROR(CheckLayout(plan.manifest(), *received.parameters));
  MASPO_RETURN_IF_ERROR(Connect(plan, transport));
  for (const ParameterBucket& bucket : received.parameters->buckets()) {
    MASPO_RETURN_IF_ERROR(Broadcast(*backend_, bucket.values, /*root=*/0));
  }
  MASPO_RETURN_IF_ERROR(CheckDigests(plan.manifest(), *received.parameters));
  if (options_.device != transport) {
    auto on_device = ParameterSet::Allocate(config_, options_.device, dtype);
    on_device->CopyFrom(*received.parameters);
    received.parameters = std::move(on_device);
  }
  return received;
}

absl::Status WeightReceiver::Connect(const v1::BroadcastPlan& plan, torch::Device transport) {
  const bool is_connected = store_port_ == plan.store_port() && store_prefix_ == plan.store_prefix();
  if (backend_ != nullptr && is_connected) return absl::OkStatus();
  backend_ = nullptr;
  MASPO_ASSIGN_OR_RETURN(store_,
                         ConnectStore(plan.store_host(), static_cast<uint16_t>(plan.store_port()), TimeoutOf(plan)));
  MASPO_ASSIGN_OR_RETURN(
      backend_,
      MakeBackend(transport, c10::make_intrusive<c10d::PrefixStore>(plan.store_prefix(), store_),
                  static_cast<int>(plan.rank()), static_cast<int>(plan.world_size()), TimeoutOf(plan), options_.host));
  store_prefix_ = plan.store_prefix();
  store_port_ = plan.store_port();
  return absl::OkStatus();
}

}  // namespace maspo
