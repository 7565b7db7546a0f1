// Groups being assembled, and the session that keeps their leases alive.
#include <gtest/gtest.h>

#include <atomic>

#include "absl/strings/str_cat.h"
#include "rollout_worker/rollout/group_assembler.h"
#include "rollout_worker/rollout/held_groups.h"
#include "rollout_worker/rollout/problems.h"
#include "rollout_worker/rollout/worker_session.h"
#include "services/base/steady_clock.h"
#include "tests/support/fake_membership.h"

namespace maspo {
namespace {

v1::PromptGroup Prompt(const std::string& id, uint32_t samples) {
  v1::PromptGroup prompt;
  prompt.set_group_id(id);
  prompt.set_purpose(v1::PURPOSE_TRAIN);
  prompt.set_num_samples(samples);
  prompt.add_prompt_token_ids(1);
  return prompt;
}

GeneratedResponse Response(const std::string& id, uint32_t index) {
  GeneratedResponse response;
  response.request_id = id;
  response.sample_index = index;
  response.token_ids = {10, 11};
  response.logprobs = {-0.5f, -0.25f};
  response.finish_reason = v1::FINISH_REASON_STOP;
  return response;
}

TEST(GroupAssemblerTest, AGroupIsCompleteWithItsLastResponseInOrderOfSample) {
  GroupAssembler assembler;
  const absl::Time start = absl::UnixEpoch();
  assembler.Begin(Prompt("g", 3), start);
  EXPECT_FALSE(assembler.Add(Response("g", 2), start));
  EXPECT_FALSE(assembler.Add(Response("g", 0), start));
  EXPECT_FALSE(assembler.Add(Response("other", 1), start));
  const auto group = assembler.Add(Response("g", 1), start + absl::Seconds(4));
  ASSERT_TRUE(group);
  for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(group->responses[i].sample_index, i);
  EXPECT_EQ(group->generate_time, absl::Seconds(4));
  EXPECT_EQ(assembler.num_groups(), 0);
}

TEST(GroupAssemblerTest, ClearForgetsEveryGroup) {
  GroupAssembler assembler;
  assembler.Begin(Prompt("g", 1), absl::UnixEpoch());
  EXPECT_EQ(assembler.Clear(), std::vector<std::string>{"g"});
  EXPECT_FALSE(assembler.Add(Response("g", 0), absl::UnixEpoch()));
}

std::vector<v1::Lease> Leases(std::vector<std::string> ids) {
  std::vector<v1::Lease> leases;
  for (const std::string& id : ids) leases.emplace_back().mutable_group()->set_group_id(id);
  return leases;
}

TEST(HeldGroupsTest, ThereIsRoomWhileFewAreGeneratedAndFewAreScored) {
  HeldGroups held({.generating = 2, .scoring = 3});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(held.Room(), 2);
    const std::string id = absl::StrCat("g", i);
    held.Add("w", Leases({id}));
    EXPECT_EQ(held.Room(), 1);
    held.Generated("w", id);
  }
  EXPECT_EQ(held.Room(), 0);  // Three are being scored.
  held.Settle("w", "g1");
  EXPECT_EQ(held.Room(), 2);
  EXPECT_EQ(held.num_scoring(), 2);
}

TEST(HeldGroupsTest, OneGroupUnderTwoRegistrationsIsTwo) {
  HeldGroups held({});
  held.Add("w1", Leases({"a", "b"}));
  held.Generated("w1", "a");
  held.Add("w2", Leases({"a"}));
  EXPECT_EQ(held.TakeNew().size(), 3u);
  held.Settle("w1", "a");
  EXPECT_EQ(held.HeldBy("w1"), std::vector<std::string>{"b"});
  EXPECT_EQ(held.HeldBy("w2"), std::vector<std::string>{"a"});
  held.Settle("w1", "a");  // Again: nothing.
  EXPECT_EQ(held.size(), 2);
}

TEST(HeldGroupsTest, AGroupThatIsLeasedAgainToItsHolderIsHeldOnce) {
  HeldGroups held({.generating = 2, .scoring = 2});
  held.Add("w", Leases({"a"}));
  held.TakeNew();
  held.Add("w", Leases({"a"}));
  EXPECT_FALSE(held.HasNew());
  EXPECT_EQ(held.Room(), 1);
}

TEST(ProblemsTest, TheLatestThatIsNotOverIsTold) {
  Problems problems;
  EXPECT_EQ(problems.Latest(SteadyNow()), "");
  problems.Note("weights", absl::UnavailableError("they do not arrive"));
  problems.Note("rewards", absl::UnavailableError("nobody answers"));
  EXPECT_EQ(problems.Latest(SteadyNow()), "nobody answers");
  problems.Note("rewards", absl::CancelledError("closing"));  // Says nothing.
  EXPECT_EQ(problems.Latest(SteadyNow()), "nobody answers");
  problems.Note("rewards", absl::OkStatus());
  EXPECT_EQ(problems.Latest(SteadyNow()), "they do not arrive");
  problems.Note("weights", absl::OkStatus());
  EXPECT_EQ(problems.Latest(SteadyNow()), "");
}

TEST(ProblemsTest, WhatIsAwaitedForLongIsTold) {
  Problems problems;
  const absl::Time start = SteadyNow();
  auto wait = problems.Await("rewards of source math", start);
  const auto later = problems.Await("rewards of source code", start + absl::Seconds(1));
  EXPECT_EQ(problems.Latest(start + Problems::kLong), "");
  EXPECT_EQ(problems.Latest(start + absl::Seconds(90.5)), "rewards of source math have been awaited for 1m30s");
  problems.Note("weights", absl::UnavailableError("they do not arrive"));
  EXPECT_EQ(problems.Latest(start + absl::Seconds(30)),
            "they do not arrive; rewards of source math have been awaited for 30s");
  problems.Note("weights", absl::OkStatus());
  wait = nullptr;
  EXPECT_EQ(problems.Latest(start + absl::Seconds(30)), "rewards of source code have been awaited for 29s");
}

class WorkerSessionTest : public ::testing::Test {
 protected:
  void WaitUntil(const std::function<bool()>& done) {
    const absl::Time deadline = SteadyNow() + absl::Seconds(20);
    while (!done() && SteadyNow() < deadline) absl::SleepFor(absl::Milliseconds(2));
    EXPECT_TRUE(done());
  }
  bool Ended() const { return session_.ended().stop_requested(); }

  FakeMembership membership_;
  std::atomic<int> ends_{0};
  WorkerSession session_{{.registration = {}, .lost_after = absl::Milliseconds(200)},
                         &membership_,
                         [](v1::HeartbeatRequest& heartbeat) { heartbeat.add_held_group_ids("g"); },
                         [this] { ++ends_; }};
};

TEST_F(WorkerSessionTest, HeartbeatsNameTheHeldGroupsUntilTheLearnerSaysStop) {
  ASSERT_TRUE(session_.Start().ok());
  WaitUntil([&] { return membership_.heartbeats().size() >= 2; });
  EXPECT_EQ(membership_.heartbeats()[0].held_group_ids(0), "g");
  membership_.SayStop();
  WaitUntil([&] { return ends_ > 0; });
  EXPECT_TRUE(session_.status().ok());
  session_.End(absl::InternalError("too late"));
  EXPECT_TRUE(session_.status().ok());
  EXPECT_EQ(ends_, 1);
  EXPECT_FALSE(membership_.heartbeats().back().leaving());
}

TEST_F(WorkerSessionTest, NoErrorSaysThatTheRunIsOver) {
  ASSERT_TRUE(session_.Start().ok());
  for (const absl::Status& error :
       {absl::CancelledError(""), absl::UnavailableError(""), absl::DeadlineExceededError(""), absl::UnknownError(""),
        absl::InternalError(""), absl::OutOfRangeError("")}) {
    const size_t before = membership_.heartbeats().size();
    membership_.Answer(error);
    absl::SleepFor(absl::Milliseconds(30));  // Some heartbeats, less than lost_after.
    membership_.Answer(absl::OkStatus());
    WaitUntil([&] { return membership_.heartbeats().size() > before; });
    EXPECT_FALSE(Ended()) << error;
  }
}

TEST_F(WorkerSessionTest, RegistersAnewWhenTheLearnerForgotItFromTheSameInstance) {
  ASSERT_TRUE(session_.Start().ok());
  const std::string first = session_.registration().worker_id;
  ASSERT_TRUE(session_.Renew(first).ok());
  EXPECT_EQ(membership_.registrations().size(), 2u);
  ASSERT_TRUE(session_.Renew(first).ok());  // Somebody else noticed too: once is enough.
  ASSERT_EQ(membership_.registrations().size(), 2u);
  EXPECT_NE(session_.registration().worker_id, first);
  EXPECT_EQ(membership_.registrations()[0].instance().size(), 16u);
  EXPECT_EQ(membership_.registrations()[0].instance(), membership_.registrations()[1].instance());
  WorkerSession other(
      {}, &membership_, [](v1::HeartbeatRequest&) {}, [] {});
  ASSERT_TRUE(other.Start().ok());
  EXPECT_NE(membership_.registrations()[2].instance(), membership_.registrations()[0].instance());
}

TEST_F(WorkerSessionTest, ALearnerThatStaysAwayEndsTheSessionWithAnError) {
  ASSERT_TRUE(session_.Start().ok());
  membership_.Answer(absl::UnavailableError("connection refused"));
  WaitUntil([&] { return ends_ > 0; });
  EXPECT_EQ(session_.status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(WorkerSessionTest, WhoEndsByItselfSaysWhyBeforeItLeaves) {
  ASSERT_TRUE(session_.Start().ok());
  session_.End(absl::InternalError("the GPU is gone"));
  EXPECT_EQ(ends_, 1);
  EXPECT_EQ(session_.status(), absl::InternalError("the GPU is gone"));
  int farewells = 0;
  for (const v1::HeartbeatRequest& heartbeat : membership_.heartbeats()) {
    if (!heartbeat.leaving()) continue;
    ++farewells;
    EXPECT_EQ(heartbeat.status().problem(), "the GPU is gone");
  }
  EXPECT_EQ(farewells, 1);
}

}  // namespace
}  // namespace maspo
