// Supervised fine-tuning: the data file, and the trainer over PolicyUpdate.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "learner/objectives/negative_log_likelihood.h"
#include "learner/supervised/supervised_data.h"
#include "learner/supervised/supervised_trainer.h"
#include "tests/learner/sharded/rank_policy.h"
#include "tests/model/tiny_model.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

using ::testing::HasSubstr;

class SupervisedDataTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::vector<TrainingGroup>> LoadText(const std::string& text, int64_t max_tokens = 1000) {
    return LoadSupervisedData(dir_.Write("data.jsonl", text), *tokenizer_, max_tokens);
  }
  std::string ErrorOf(const std::string& text, int64_t max_tokens = 1000) {
    const auto groups = LoadText(text, max_tokens);
    EXPECT_EQ(groups.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(groups.status().message());
  }

  const TempDir dir_;
  const std::unique_ptr<Tokenizer> tokenizer_ =
      *Tokenizer::Load(std::string(std::getenv("MASPO_SOURCE_DIR")) + "/examples/quickstart/base");
};

TEST_F(SupervisedDataTest, TextAndChatBecomePromptAndResponseWithTheStopToken) {
  const auto groups = LoadText(R"({"prompt": "1+2=", "response": "3"}
{"id": "chat", "messages": [{"role": "user", "content": "1+2"}], "response": "3"}
)");
  ASSERT_TRUE(groups.ok()) << groups.status();
  ASSERT_EQ(groups->size(), 2u);
  std::vector<int64_t> response = *tokenizer_->Encode("3", false);
  response.push_back(tokenizer_->stop_token_ids().front());
  EXPECT_EQ((*groups)[0].prompt, *tokenizer_->Encode("1+2=", true));
  EXPECT_EQ((*groups)[0].responses[0].token_ids, response);
  EXPECT_EQ(
      (*groups)[1].prompt,
      *tokenizer_->Encode(*tokenizer_->ApplyChatTemplate({{"user", "1+2"}}, /*add_generation_prompt=*/true), false));
  EXPECT_EQ((*groups)[1].responses[0].token_ids, response);
}

TEST_F(SupervisedDataTest, BadLinesAreNamed) {
  const std::string good = R"({"prompt": "1", "response": "2"})" + std::string("\n");
  EXPECT_THAT(ErrorOf(good + R"({"prompt": "1", "respons": "2"})"),
              HasSubstr("data.jsonl:2: unknown field \"respons\""));
  EXPECT_THAT(ErrorOf(good + R"({"prompt": "1", "response": ""})"), HasSubstr("data.jsonl:2: \"response\" is empty"));
  EXPECT_THAT(ErrorOf(good + R"({"response": "2"})"), HasSubstr("data.jsonl:2: give either \"prompt\""));
  EXPECT_THAT(ErrorOf(good + R"({"prompt": "1", "messages": [], "response": "2"})"), HasSubstr("give either"));
  EXPECT_THAT(ErrorOf(R"({"prompt": "1+2+3+4=", "response": "10"})", 5), HasSubstr("between 2 and 5 are possible"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("data.jsonl has no examples"));
}

class SupervisedTrainerTest : public ::testing::Test {
 protected:
  // Sequences in which the next token is the last plus one.
  std::vector<TrainingGroup> Counting() {
    std::vector<TrainingGroup> data;
    for (int64_t first = 0; first < 12; ++first) {
      TrainingGroup& group = data.emplace_back();
      group.prompt = {first, first + 1};
      TrainingResponse& response = group.responses.emplace_back();
      response.token_ids = {first + 2, first + 3, first + 4};
      response.old_logprobs.assign(3, 0.0f);
      response.advantages.assign(3, 1.0f);
    }
    return data;
  }
  LearningRateSchedule Schedule(double learning_rate) {
    v1::OptimizerConfig config;
    config.set_learning_rate(learning_rate);
    return LearningRateSchedule(config, kSteps);
  }

  static constexpr int64_t kSteps = 60;
  RankPolicy rank_{TinyConfig(), *RandomParameters(TinyConfig())};
  PolicyUpdate update_{
      {.micro_batch_tokens = 32}, &rank_.policy, &rank_.optimizer, std::make_unique<NegativeLogLikelihood>()};
};

TEST_F(SupervisedTrainerTest, LearnsWhatTheDataShows) {
  SupervisedTrainer trainer({.steps = kSteps, .batch_size = 8}, &update_, Schedule(1e-2));
  std::vector<SupervisedTrainer::Report> reports;
  ASSERT_TRUE(trainer.Run(Counting(), [&](const auto& report) { reports.push_back(report); }).ok());
  ASSERT_EQ(reports.size(), static_cast<size_t>(kSteps));
  EXPECT_EQ(reports.front().step, 1);
  EXPECT_EQ(reports.front().tokens, 8 * 5);
  EXPECT_DOUBLE_EQ(reports.front().learning_rate, 1e-2);
  EXPECT_GT(reports.front().loss, 3);  // Nothing is known yet: about ln 50.
  EXPECT_LT(reports.back().loss, 0.3);
}

TEST_F(SupervisedTrainerTest, ALossThatIsNotFiniteEndsTheTrainingAtItsStep) {
  rank_.shards.buckets().back().master.fill_(std::numeric_limits<float>::infinity());
  SupervisedTrainer trainer({.steps = kSteps, .batch_size = 4}, &update_, Schedule(1e-2));
  const absl::Status status = trainer.Run(Counting(), [](const auto&) {});
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(status.message(), HasSubstr("step 1: the loss or its gradient is not finite"));
}

}  // namespace
}  // namespace maspo
