#include "reward_server/worker/supervised_verifier.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "reward_server/worker/worker_process.h"
#include "services/base/steady_clock.h"
#include "tests/reward_server/verification/hostile_responses.h"
#include "tests/support/process_memory.h"
#include "tests/support/spinning_worker.h"

// Real worker processes of the real program.
namespace maspo {
namespace {

WorkerProcess::Options ProgramOptions() {
  return {.program = std::string(std::getenv("MASPO_BIN_DIR")) + "/maspo-reward-server", .reward = {}};
}

v1::VerifyItem Item(const std::string& id, const std::string& gold, const std::string& response) {
  v1::VerifyItem item;
  item.set_id(id);
  item.set_gold_answer(gold);
  item.set_response(response);
  return item;
}

TEST(WorkerProcessTest, AnswersItemAfterItem) {
  const auto worker = WorkerProcess::Start(ProgramOptions());
  ASSERT_TRUE(worker.ok()) << worker.status();
  for (int i = 0; i < 100; ++i) {
    const std::string number = std::to_string(i);
    const auto answer = (*worker)->Verify(Item(number, "42", "so \\boxed{" + number + "}"));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->id(), number);
    EXPECT_EQ(answer->verdict() == v1::VERDICT_CORRECT, i == 42);
  }
}

TEST(WorkerProcessTest, ItsStartIsNotTheTimeOfItsFirstAnswer) {
  WorkerProcess::Options options = ProgramOptions();
  options.reward.set_answer_deadline_ms(2);  // The libraries alone take longer to load.
  for (int i = 0; i < 5; ++i) {
    const auto worker = WorkerProcess::Start(options);
    ASSERT_TRUE(worker.ok()) << worker.status();
    const auto answer = (*worker)->Verify(Item("a", "1", "1"));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->verdict(), v1::VERDICT_CORRECT);
  }
}

// A response of 8192 tokens has some 30 KB; the longest here is 40 times that.
TEST(WorkerProcessTest, AWorkerHoldsLessThan64MegabytesWhateverItReads) {
  const auto worker = WorkerProcess::Start(ProgramOptions());
  ASSERT_TRUE(worker.ok()) << worker.status();
  int answered = 0;
  for (const Hostile& hostile : HostileResponses()) {
    if (hostile.response.size() > 1200000) continue;
    v1::VerifyItem item = Item("a", "\\{1,2,3\\}", hostile.response);
    for (char& c : *item.mutable_response()) c = static_cast<unsigned char>(c) < 0x80 ? c : '?';  // Messages are UTF-8.
    const auto answer = (*worker)->Verify(item);
    ASSERT_TRUE(answer.ok()) << hostile.name << ": " << answer.status();
    ++answered;
  }
  EXPECT_GT(answered, 30);
  for (int i = 0; i < 20000; ++i) {  // Pairs that are all different fill the cache.
    const std::string number = std::to_string(i);
    ASSERT_TRUE((*worker)->Verify(Item("a", number, "so \\boxed{" + number + "/3}")).ok());
  }
  const int64_t peak = PeakMemoryBytes((*worker)->pid());
  EXPECT_GT(peak, 1 << 20);
  EXPECT_LT(peak, 64 << 20);
}

TEST(WorkerProcessTest, ProgramThatEndsAtOnceIsUnavailable) {
  const auto worker = WorkerProcess::Start({.program = "/bin/true", .reward = {}});
  EXPECT_TRUE(absl::IsUnavailable(worker.status())) << worker.status();
}

TEST(WorkerProcessTest, DeathIsUnavailable) {
  const auto worker = WorkerProcess::Start(ProgramOptions());
  ASSERT_TRUE(worker.ok()) << worker.status();
  kill((*worker)->pid(), SIGKILL);
  EXPECT_TRUE(absl::IsUnavailable((*worker)->Verify(Item("a", "1", "1")).status()));
}

// This program is the worker: see main().
TEST(WorkerProcessTest, AVerifierThatDoesNotComeBackIsEndedAtItsDeadline) {
  WorkerProcess::Options options{.program = "/proc/self/exe", .reward = {}};
  options.reward.set_answer_deadline_ms(50);
  const auto worker = WorkerProcess::Start(options);
  ASSERT_TRUE(worker.ok()) << worker.status();
  const absl::Time start = SteadyNow();
  const absl::Status status = (*worker)->Verify(Item("a", "1", "1")).status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_GE(SteadyNow() - start, absl::Milliseconds(50));
  EXPECT_LT(SteadyNow() - start, absl::Seconds(4));  // Long before one that is stuck without using the CPU.
}

TEST(WorkerProcessTest, StoppedWorkerIsGivenUp) {
  const auto worker = WorkerProcess::Start(ProgramOptions());
  ASSERT_TRUE(worker.ok()) << worker.status();
  kill((*worker)->pid(), SIGSTOP);
  const absl::Time start = SteadyNow();
  EXPECT_TRUE(absl::IsDeadlineExceeded((*worker)->Verify(Item("a", "1", "1")).status()));
  EXPECT_LT(SteadyNow() - start, absl::Seconds(20));
}

TEST(WorkerProcessTest, MissingProgramIsUnavailable) {
  const auto worker = WorkerProcess::Start({.program = "/nowhere/maspo-reward-server", .reward = {}});
  EXPECT_TRUE(absl::IsUnavailable(worker.status())) << worker.status();
}

TEST(SupervisedVerifierTest, AFullCacheStaysWithinTheMemoryOfItsWorker) {
  Metrics metrics("reward-server", "test");
  WorkerProcess::Options options = ProgramOptions();
  options.reward.set_worker_memory_mib(4);
  options.reward.set_cache_mib(2);
  const auto verifier = SupervisedVerifier::Create(options, metrics);
  ASSERT_TRUE(verifier.ok()) << verifier.status();
  for (int i = 0; i < 20000; ++i) {
    const v1::VerifiedAnswer answer = (*verifier)->Verify(Item("a", "7", "\\boxed{" + std::to_string(i) + "}"));
    ASSERT_EQ(answer.verdict() == v1::VERDICT_CORRECT, i == 7) << i;
    ASSERT_EQ(answer.cache(), v1::CACHE_LOOKUP_MISS) << i;
  }
  EXPECT_EQ((*verifier)->Verify(Item("a", "7", "\\boxed{19999}")).cache(), v1::CACHE_LOOKUP_HIT);
  EXPECT_EQ((*verifier)->Verify(Item("a", "7", "\\boxed{0}")).cache(), v1::CACHE_LOOKUP_MISS);
  EXPECT_EQ(metrics.AddCounter("maspo_reward_worker_restarts_total", "Worker processes lost to an answer").Value(), 0);
}

TEST(SupervisedVerifierTest, LosesOnlyTheAnswerThatKilledItsWorker) {
  Metrics metrics("reward-server", "test");
  // So little memory that the largest answers do not fit, and the usual ones do.
  WorkerProcess::Options options = ProgramOptions();
  options.reward.set_worker_memory_mib(4);
  const auto verifier = SupervisedVerifier::Create(options, metrics);
  ASSERT_TRUE(verifier.ok()) << verifier.status();
  EXPECT_EQ((*verifier)->Verify(Item("a", "7", "\\boxed{7}")).verdict(), v1::VERDICT_CORRECT);
  const v1::VerifiedAnswer lost = (*verifier)->Verify(Item("b", "7", std::string(64 << 20, 'x')));
  EXPECT_EQ(lost.verdict(), v1::VERDICT_CRASHED);
  EXPECT_EQ(lost.id(), "b");
  EXPECT_NE(lost.detail(), "");
  EXPECT_EQ((*verifier)->Verify(Item("c", "7", "\\boxed{7}")).verdict(), v1::VERDICT_CORRECT);
  EXPECT_EQ(metrics.AddCounter("maspo_reward_worker_restarts_total", "Worker processes lost to an answer").Value(), 1);
}

}  // namespace
}  // namespace maspo

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == maspo::kWorkerFlag) return maspo::SpinningWorkerMain();
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
