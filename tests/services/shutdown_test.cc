// Servers that stop while everybody calls them: whatever of a call was on its way, its caller hears that nobody
// answers, and never that a run is over or that it did something wrong.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "services/base/steady_clock.h"
#include "services/control/control_client.h"
#include "services/prompts/prompt_client.h"
#include "services/trajectory/trajectory_client.h"
#include "services/weights/weight_client.h"
#include "tests/services/fake_reward_server.h"
#include "tests/services/loopback.h"
#include "tests/support/captured_log.h"

namespace maspo {
namespace {

constexpr int kShutdowns = 200;

// Calls without end on threads of their own, and counts what the calls said.
class Hammer {
 public:
  using Call = std::function<absl::Status()>;

  ~Hammer() { Stop(); }

  void Add(Call call) {
    threads_.emplace_back([this, call = std::move(call)] {
      while (!stop_) {
        const absl::Status status = call();
        absl::MutexLock lock(&mutex_);
        ++calls_[status.code()];
        if (!status.ok() && !absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status)) strange_ = status;
      }
    });
  }
  void Stop() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  int64_t calls(absl::StatusCode code) {
    absl::MutexLock lock(&mutex_);
    return calls_[code];
  }
  absl::Status strange() {
    absl::MutexLock lock(&mutex_);
    return strange_;
  }

 private:
  std::atomic<bool> stop_{false};
  absl::Mutex mutex_;
  std::map<absl::StatusCode, int64_t> calls_ ABSL_GUARDED_BY(mutex_);
  absl::Status strange_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

// All that a worker calls, behind one address.
struct Servers {
  FakeLearner learner;
  FakeRewardServer reward;

  void Start(const std::string& endpoint) {
    learner.server = StartServer(endpoint, {&learner.prompt_service, &learner.trajectory_service,
                                            &learner.weight_service, &learner.control_service, &reward.service});
  }
  // As a learner that was told to stop does, with less or more time for the calls that are under way.
  void Stop(absl::Duration grace) {
    learner.prompts.Answer(absl::UnavailableError("the learner has stopped"));
    learner.weights.Answer(absl::UnavailableError("the learner has stopped"));
    learner.server->Shutdown(grace);
  }
};

TEST(ShutdownTest, NoCallToAServerThatStopsSaysAnythingButThatItIsAway) {
  CapturedLog log;
  const std::string endpoint = FreeEndpoint();
  v1::NetworkSection network;
  network.set_call_timeout_seconds(2);
  const auto channel = Connect(endpoint, network);
  ControlClient control(channel.get(), {.register_timeout = absl::Seconds(2)});
  PromptClient prompts(channel.get());
  WeightClient weights(channel.get());
  TrajectoryClient trajectories(channel.get());
  const auto rewards = v1::RewardService::NewStub(channel->channel());
  const auto verify = [&](grpc::ClientContext& context) {
    v1::VerifyBatchResponse response;
    return rewards->VerifyBatch(&context, {}, &response);
  };
  Hammer hammer;
  for (int i = 0; i < 2; ++i) {
    hammer.Add([&] { return control.Heartbeat({}).status(); });
    hammer.Add([&] { return control.Register({}).status(); });
    hammer.Add([&] { return prompts.Acquire("w", 1, In(0.5)).status(); });
    hammer.Add([&] { return weights.Join("w", 4, In(0.5)).status(); });
    hammer.Add([&] { return trajectories.Offer({}, In(2)); });
    hammer.Add([&] { return channel->CallOnce(In(2), verify); });
  }
  const absl::Time give_up = In(120);
  for (int i = 0; i < kShutdowns && SteadyNow() < give_up; ++i) {
    Servers servers;
    servers.Start(endpoint);
    const int64_t answered = hammer.calls(absl::StatusCode::kOk);
    while (hammer.calls(absl::StatusCode::kOk) < answered + 5 && SteadyNow() < give_up) std::this_thread::yield();
    servers.Stop(absl::Milliseconds(i % 3 * 5));
  }
  EXPECT_LT(SteadyNow(), give_up) << "calls were not answered any more";
  hammer.Stop();
  EXPECT_EQ(hammer.strange(), absl::OkStatus());
}

}  // namespace
}  // namespace maspo
