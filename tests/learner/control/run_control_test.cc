#include "learner/control/run_control.h"

#include <gtest/gtest.h>

#include <thread>

#include "services/base/steady_clock.h"

namespace maspo {
namespace {

class RunControlTest : public ::testing::Test {
 protected:
  // As good as never, so that nobody is late by chance.
  explicit RunControlTest(absl::Duration heartbeat_timeout = absl::Hours(1)) : heartbeat_timeout_(heartbeat_timeout) {}

  v1::RegisterRequest Request(const std::string& name, const std::string& instance = "") {
    v1::RegisterRequest request;
    request.set_instance(instance);
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
  const absl::Duration heartbeat_timeout_;
  RunControl control_{
      {.run_id = "run", .run_seed = 5, .model_digest = "digest", .heartbeat_timeout = heartbeat_timeout_},
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
  const absl::Time step = SteadyNow();
  control_.SetStep(1, 1, {});
  const float since = control_.GetStatus()->seconds_since_step();
  EXPECT_LE(since, absl::FDivDuration(SteadyNow() - step, absl::Seconds(1)));
}

TEST_F(RunControlTest, RefusesAnotherContractOrModel) {
  v1::RegisterRequest request = Request("w");
  request.set_contract_version(2);
  EXPECT_EQ(control_.Register(request).status().code(), absl::StatusCode::kFailedPrecondition);
  request = Request("w");
  request.set_model_digest("other");
  EXPECT_EQ(control_.Register(request).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(control_.LiveWorkers().empty());
  EXPECT_NE(control_.LastFarewell().find("worker w has another model"), std::string::npos);
}

TEST_F(RunControlTest, RegisteringAgainFromAnInstanceEndsItsOldRegistration) {
  const std::string first = control_.Register(Request("w", "a"))->worker_id();
  const std::string second = control_.Register(Request("w", "a"))->worker_id();
  EXPECT_NE(first, second);
  EXPECT_EQ(Ended(), std::vector<std::string>{first});
  EXPECT_EQ(control_.Heartbeat(Heartbeat(first)).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(control_.Heartbeat(Heartbeat(second)).ok());
}

TEST_F(RunControlTest, WorkersOfOneNameLiveBesideEachOtherAndAreNumbered) {
  const std::string ids[] = {control_.Register(Request("w", "a"))->worker_id(),
                             control_.Register(Request("w", "b"))->worker_id(),
                             control_.Register(Request("w"))->worker_id(),  // That do not say which process they are.
                             control_.Register(Request("w"))->worker_id()};
  EXPECT_TRUE(Ended().empty());
  for (const std::string& id : ids) EXPECT_TRUE(control_.Heartbeat(Heartbeat(id)).ok());
  std::map<std::string, std::string> names;
  const v1::RunStatus status = *control_.GetStatus();
  for (const v1::WorkerSummary& worker : status.workers()) names[worker.worker_id()] = worker.worker_name();
  EXPECT_EQ(names[ids[0]], "w");
  EXPECT_EQ(names[ids[1]], "w-2");
  EXPECT_EQ(names[ids[2]], "w-3");
  EXPECT_EQ(names[ids[3]], "w-4");
}

TEST_F(RunControlTest, AWorkerThatLeavesEndsAtOnce) {
  const std::string id = control_.Register(Request("w"))->worker_id();
  v1::HeartbeatRequest last = Heartbeat(id);
  last.set_leaving(true);
  last.mutable_status()->set_problem("the KV cache is too small");
  EXPECT_EQ(control_.LastFarewell(), "");
  ASSERT_TRUE(control_.Heartbeat(last).ok());
  EXPECT_EQ(control_.LastFarewell(), "w: the KV cache is too small");
  EXPECT_EQ(Ended(), std::vector<std::string>{id});
  EXPECT_FALSE(control_.IsLive(id));
}

TEST_F(RunControlTest, WhatTroublesAWorkerIsInTheStatus) {
  v1::HeartbeatRequest heartbeat = Heartbeat(control_.Register(Request("w"))->worker_id());
  heartbeat.mutable_status()->set_problem("no reward server answers");
  ASSERT_TRUE(control_.Heartbeat(heartbeat).ok());
  EXPECT_EQ(control_.GetStatus()->workers(0).status().problem(), "no reward server answers");
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

class SilentWorkerTest : public RunControlTest {
 protected:
  SilentWorkerTest() : RunControlTest(absl::Milliseconds(300)) {}
};

TEST_F(SilentWorkerTest, EndsOnce) {
  const std::string id = control_.Register(Request("w"))->worker_id();
  control_.AwaitNoWorkers(SteadyNow() + absl::Seconds(20));
  EXPECT_FALSE(control_.IsLive(id));
  const absl::Time deadline = SteadyNow() + absl::Seconds(20);
  while (Ended().empty() && SteadyNow() < deadline) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_EQ(Ended(), std::vector<std::string>{id});
}

// Whatever the interval is, a worker hears of the end when it comes, and of nothing but the end.
TEST_F(RunControlTest, AHeldHeartbeatIsAnsweredWhenTheRunIsOver) {
  for (const bool is_over : {true, false}) {
    RunControl control({.model_digest = "digest", .heartbeat_interval = absl::Minutes(1)},
                       {.on_worker_registered = [](const std::string&) {},
                        .on_heartbeat = [](const auto&, const auto&, absl::Time) {},
                        .on_worker_ended = [](const std::string&) {},
                        .on_tick = [](absl::Time) {}});
    v1::HeartbeatRequest heartbeat = Heartbeat(control.Register(Request("w"))->worker_id());
    heartbeat.mutable_hold()->set_seconds(60);
    absl::StatusOr<v1::HeartbeatResponse> response;
    std::thread worker([&] { response = control.Heartbeat(heartbeat); });
    const absl::Time start = SteadyNow();
    is_over ? control.Stop() : control.Close();
    worker.join();
    EXPECT_LT(SteadyNow() - start, absl::Seconds(10));
    ASSERT_TRUE(response.ok());
    EXPECT_EQ(response->stop(), is_over);
    EXPECT_EQ(control.LiveWorkers().empty(), is_over);
  }
}

TEST_F(RunControlTest, StopReachesWorkersWithTheirNextHeartbeat) {
  const std::string id = control_.Register(Request("w"))->worker_id();
  control_.Stop();
  EXPECT_TRUE(control_.Heartbeat(Heartbeat(id))->stop());
  EXPECT_TRUE(control_.LiveWorkers().empty());
}

TEST_F(RunControlTest, AWorkerThatDidNotHearOfTheEndIsToldAgain) {
  const std::string id = control_.Register(Request("w"))->worker_id();
  control_.Stop();
  for (int times = 0; times < 2; ++times) {
    const auto response = control_.Heartbeat(Heartbeat(id));
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_TRUE(response->stop());
  }
}

}  // namespace
}  // namespace maspo
