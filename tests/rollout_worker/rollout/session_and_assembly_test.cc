// Groups being assembled, and the session that keeps their leases alive.
#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "rollout_worker/rollout/group_assembler.h"
#include "rollout_worker/rollout/worker_session.h"
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

class WorkerSessionTest : public ::testing::Test {
 protected:
  void WaitUntil(const std::function<bool()>& done) {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    while (!done() && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(2));
    EXPECT_TRUE(done());
  }
  FakeMembership membership_;
  WorkerSession session_{{.registration = {}, .lost_after = absl::Milliseconds(200)},
                         &membership_,
                         [](v1::HeartbeatRequest& heartbeat) { heartbeat.add_held_group_ids("g"); }};
};

TEST_F(WorkerSessionTest, HeartbeatsNameTheHeldGroupsUntilTheLearnerSaysStop) {
  ASSERT_TRUE(session_.Start().ok());
  WaitUntil([&] { return membership_.heartbeats().size() >= 2; });
  EXPECT_EQ(membership_.heartbeats()[0].held_group_ids(0), "g");
  membership_.SayStop();
  WaitUntil([&] { return session_.stopped(); });
  EXPECT_TRUE(session_.status().ok());
}

TEST_F(WorkerSessionTest, RegistersAnewWhenTheLearnerForgotIt) {
  ASSERT_TRUE(session_.Start().ok());
  const std::string first = session_.registration().worker_id;
  ASSERT_TRUE(session_.Renew(first).ok());
  EXPECT_EQ(session_.registration().generation, 2u);
  ASSERT_TRUE(session_.Renew(first).ok());  // Somebody else noticed too: once is enough.
  EXPECT_EQ(session_.registration().generation, 2u);
}

TEST_F(WorkerSessionTest, ALearnerThatStaysAwayEndsTheSessionWithAnError) {
  ASSERT_TRUE(session_.Start().ok());
  membership_.Answer(absl::UnavailableError("connection refused"));
  WaitUntil([&] { return session_.stopped(); });
  EXPECT_EQ(session_.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace maspo
