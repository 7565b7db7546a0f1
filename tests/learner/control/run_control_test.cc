#include "learner/control/run_control.h"

#include <gtest/gtest.h>

#include "absl/time/clock.h"

namespace maspo {
namespace {

class RunControlTest : public ::testing::Test {
 protected:
  v1::RegisterRequest Request(const std::string& name) {
    v1::RegisterRequest request;
    request.set_contract_version(1);
    request.set_worker_name(name);
    request.set_model_digest("digest");
    return request;
  }
  v1::HeartbeatRequest Heartbeat(const std::string& id) {
    v1::HeartbeatRequest request;
    request.set_worker_id(id);
    request.add_held_group_ids("g1");
    return request;
  }
  std::vector<std::string> Ended() {
    absl::MutexLock lock(&mutex_);
    return ended_;
  }

  absl::Mutex mutex_;
  std::vector<std::string> ended_ ABSL_GUARDED_BY(mutex_), renewed_ ABSL_GUARDED_BY(mutex_);
  RunControl control_{
      {.run_id = "run", .run_seed = 5, .model_digest = "digest", .heartbeat_timeout = absl::Milliseconds(300)},
      {.on_worker_registered = [](const std::string&) {},
       .on_heartbeat =
           [this](const std::string&, const std::vector<std::string>& held, absl::Time) {
             absl::MutexLock lock(&mutex_);
             renewed_ = held;
           },
       .on_worker_ended =
           [this](const std::string& id) {
             absl::MutexLock lock(&mutex_);
             ended_.push_back(id);
           },
       .on_tick = [](absl::Time) {}}};
};

TEST_F(RunControlTest, TellsTheTimeSinceTheLastStep) {
  absl::SleepFor(absl::Milliseconds(30));
  EXPECT_GE(control_.GetStatus()->seconds_since_step(), 0.03f);
  control_.SetStep(1, 1, {});
  EXPECT_LT(control_.GetStatus()->seconds_since_step(), 0.03f);
}

TEST_F(RunControlTest, RefusesAnotherContractOrModel) {
  v1::RegisterRequest request = Request("w");
  request.set_contract_version(2);
  EXPECT_EQ(control_.Register(request).status().code(), absl::StatusCode::kFailedPrecondition);
  request = Request("w");
  request.set_model_digest("other");
  EXPECT_EQ(control_.Register(request).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(control_.LiveWorkers().empty());
}

TEST_F(RunControlTest, RegisteringAgainUnderANameEndsTheOldRegistration) {
  const std::string first = control_.Register(Request("w"))->worker_id();
  const std::string second = control_.Register(Request("w"))->worker_id();
  EXPECT_NE(first, second);
  EXPECT_EQ(Ended(), std::vector<std::string>{first});
  EXPECT_EQ(control_.Heartbeat(Heartbeat(first)).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(control_.Heartbeat(Heartbeat(second)).ok());
}

TEST_F(RunControlTest, AnIdFromBeforeTheLearnerRestartedIsNotKnownAfterwards) {
  const std::string before = control_.Register(Request("w"))->worker_id();
  absl::SleepFor(absl::Milliseconds(2));  // The start time is part of the id.
  RunControl restarted({.run_id = "run", .model_digest = "digest"},
                       {.on_worker_registered = [](const std::string&) {},
                        .on_heartbeat = [](const auto&, const auto&, absl::Time) {},
                        .on_worker_ended = [](const std::string&) {},
                        .on_tick = [](absl::Time) {}});
  ASSERT_TRUE(restarted.Register(Request("w")).ok());
  EXPECT_EQ(restarted.Heartbeat(Heartbeat(before)).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(RunControlTest, AHeartbeatRenewsExactlyTheLeasesItNames) {
  const std::string id = control_.Register(Request("w"))->worker_id();
  ASSERT_TRUE(control_.Heartbeat(Heartbeat(id)).ok());
  absl::MutexLock lock(&mutex_);
  EXPECT_EQ(renewed_, std::vector<std::string>{"g1"});
}

TEST_F(RunControlTest, AWorkerWithoutHeartbeatsEndsOnce) {
  const std::string id = control_.Register(Request("w"))->worker_id();
  control_.AwaitNoWorkers(absl::Now() + absl::Seconds(20));
  EXPECT_FALSE(control_.IsLive(id));
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (Ended().empty() && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_EQ(Ended(), std::vector<std::string>{id});
}

TEST_F(RunControlTest, StopReachesWorkersWithTheirNextHeartbeat) {
  const std::string id = control_.Register(Request("w"))->worker_id();
  control_.Stop();
  EXPECT_TRUE(control_.Heartbeat(Heartbeat(id))->stop());
  EXPECT_TRUE(control_.LiveWorkers().empty());
}

}  // namespace
}  // namespace maspo
