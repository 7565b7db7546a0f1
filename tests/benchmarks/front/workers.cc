#include "tests/benchmarks/front/workers.h"

#include <grpcpp/create_channel.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "proto/control.grpc.pb.h"
#include "proto/prompt.grpc.pb.h"
#include "proto/trajectory.grpc.pb.h"
#include "proto/weights.grpc.pb.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"

namespace maspo {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(100);  // After a call that failed.

double Seconds(absl::Time time) { return absl::ToDoubleSeconds(time - absl::UnixEpoch()); }

class SimulatedWorker {
 public:
  SimulatedWorker(const WorkerOptions& options, int index)
      : options_(options), channel_(Connect(options.endpoint, index)), random_(index) {
    v1::RegisterRequest request;
    request.set_contract_version(1);
    request.set_worker_name(absl::StrCat("worker-", index));
    request.set_instance(request.worker_name());
    v1::RegisterResponse response;
    grpc::ClientContext context;
    MASPO_CHECK(v1::ControlService::NewStub(channel_)->Register(&context, request, &response).ok());
    worker_id_ = response.worker_id();
    std::thread([this] { Heartbeats(); }).detach();
    std::thread([this] { Joins(); }).detach();
    std::thread([this] { Groups(); }).detach();
  }

 private:
  // Channels with the same arguments would share one connection.
  static std::shared_ptr<grpc::Channel> Connect(const std::string& endpoint, int index) {
    grpc::ChannelArguments arguments;
    arguments.SetInt("maspo.simulated_worker", index);
    return grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments);
  }

  void Heartbeats() {
    const auto stub = v1::ControlService::NewStub(channel_);
    while (true) {
      const absl::Time next = SteadyNow() + options_.heartbeat;
      v1::HeartbeatRequest request;
      request.set_worker_id(worker_id_);
      request.mutable_hold()->set_seconds(absl::ToInt64Seconds(options_.heartbeat));
      {
        absl::MutexLock lock(&mutex_);
        for (const std::string& id : held_) request.add_held_group_ids(id);
      }
      v1::HeartbeatResponse response;
      grpc::ClientContext context;
      static_cast<void>(stub->Heartbeat(&context, request, &response));
      absl::SleepFor(next - SteadyNow());  // Unless the answer was held back that long.
    }
  }

  void Joins() {
    const auto stub = v1::WeightService::NewStub(channel_);
    int64_t version = -1;
    while (true) {
      v1::JoinRequest request;
      request.set_worker_id(worker_id_);
      request.set_served_version(version);
      v1::JoinResponse response;
      grpc::ClientContext context;
      context.set_deadline(ToSystemChrono(SteadyNow() + options_.poll));
      if (!stub->Join(&context, request, &response).ok()) absl::SleepFor(kPause);
      if (!response.has_plan()) continue;
      version = response.plan().manifest().policy_version();
      v1::AcknowledgeRequest acknowledgement;
      acknowledgement.set_worker_id(worker_id_);
      acknowledgement.set_epoch(response.plan().epoch());
      acknowledgement.set_policy_version(version);
      for (const v1::WeightBucket& bucket : response.plan().manifest().buckets()) {
        acknowledgement.add_bucket_digests(bucket.digest());
      }
      v1::AcknowledgeResponse acknowledged;
      grpc::ClientContext another;
      static_cast<void>(stub->Acknowledge(&another, acknowledgement, &acknowledged));
    }
  }

  void Groups() {
    const auto stub = v1::PromptService::NewStub(channel_);
    while (true) {
      v1::LeaseRequest request;
      request.set_worker_id(worker_id_);
      request.set_max_groups(1);
      v1::LeaseResponse response;
      grpc::ClientContext context;
      context.set_deadline(ToSystemChrono(SteadyNow() + options_.poll));
      if (!stub->Lease(&context, request, &response).ok()) absl::SleepFor(kPause);
      for (const v1::Lease& lease : response.leases()) {
        printf("lease %ld %.6f\n", static_cast<long>(lease.min_policy_version()), Seconds(SteadyNow()));
        Hold(lease.group().group_id(), true);
        absl::SleepFor(options_.generate * std::uniform_real_distribution<>()(random_));
        Submit(lease);
        Hold(lease.group().group_id(), false);
      }
    }
  }

  void Hold(const std::string& group_id, bool holds) {
    absl::MutexLock lock(&mutex_);
    if (holds) {
      held_.insert(group_id);
    } else {
      held_.erase(group_id);
    }
  }

  void Submit(const v1::Lease& lease) {
    v1::SubmitRequest request;
    v1::TrajectoryGroup& group = *request.mutable_group();
    group.set_group_id(lease.group().group_id());
    group.set_prompt_id(lease.group().prompt_id());
    group.set_purpose(lease.group().purpose());
    group.set_worker_id(worker_id_);
    *group.mutable_prompt_token_ids() = lease.group().prompt_token_ids();
    for (uint32_t i = 0; i < lease.group().num_samples(); ++i) {
      v1::Trajectory& trajectory = *group.add_trajectories();
      trajectory.set_sample_index(i);
      for (uint32_t t = 0; t < options_.response_tokens; ++t) {
        trajectory.add_token_ids(100'000 + t);  // Three bytes, as most of a real vocabulary.
        trajectory.add_behavior_logprobs(-0.5);
      }
      v1::PolicyVersionRun& run = *trajectory.add_version_runs();
      run.set_policy_version(lease.min_policy_version());
      run.set_num_tokens(options_.response_tokens);
      trajectory.set_verdict(v1::VERDICT_CORRECT);
    }
    const absl::Time start = SteadyNow();
    v1::SubmitResponse response;
    grpc::ClientContext context;
    const grpc::Status status = v1::TrajectoryService::NewStub(channel_)->Submit(&context, request, &response);
    if (status.ok()) {
      printf("submit %.6f\n", Seconds(SteadyNow()) - Seconds(start));
    } else {
      fprintf(stderr, "submission refused: %s\n", status.error_message().c_str());
    }
  }

  const WorkerOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  std::mt19937 random_;  // Of Groups().
  std::string worker_id_;
  absl::Mutex mutex_;
  std::set<std::string> held_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

void RunWorkers(const WorkerOptions& options) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  std::vector<std::unique_ptr<SimulatedWorker>> workers;
  for (int i = 0; i < options.workers; ++i) workers.push_back(std::make_unique<SimulatedWorker>(options, i));
  char ignored = 0;
  while (read(STDIN_FILENO, &ignored, 1) > 0) {
  }
  fflush(stdout);
  _exit(0);  // Their threads wait for the front.
}

}  // namespace maspo
