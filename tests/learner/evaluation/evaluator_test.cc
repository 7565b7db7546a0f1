#include "learner/evaluation/evaluator.h"

#include <gmock/gmock.h>

#include <optional>

#include "tests/learner/prompts/lease_fixture.h"

namespace maspo {
namespace {

// A round over two held-out problems, whose groups the test gives back as it likes.
class EvaluatorTest : public LeaseFixture {
 protected:
  void SetUp() override {
    Start();
    const Evaluator::Options options{.samples = kGroupSize, .ks = {1}, .sampling = {}};
    evaluator_.emplace(options, &held_out_, queue_.get(), &collector_);
    evaluator_->Begin(/*step=*/0);
  }

  void Answer(const std::string& group_id, const std::string& prompt_id) {
    v1::TrajectoryGroup group = Result("w1", group_id);
    group.set_prompt_id(prompt_id);
    collector_.Add(std::move(group));
  }

  const PromptDataset held_out_ = Dataset(2);
  EvaluationCollector collector_;
  std::optional<Evaluator> evaluator_;
};

TEST_F(EvaluatorTest, ScoresWhatCame) {
  EXPECT_EQ(evaluator_->missing(), 2u);
  Answer("eval-0-000000", "p0");
  EXPECT_TRUE(absl::IsDeadlineExceeded(evaluator_->Await(absl::InfinitePast()).status()));
  collector_.Drop("eval-0-000001");
  const auto scores = evaluator_->Await(absl::InfinitePast());
  ASSERT_TRUE(scores.ok()) << scores.status();
  EXPECT_EQ(scores->table.all.average.problems, 1);
  EXPECT_EQ(scores->table.all.average.mean, 0.5);
}

// It is not a model that gets everything wrong.
TEST_F(EvaluatorTest, ARoundOfWhichNothingCameHasNoAccuracy) {
  for (const char* id : {"eval-0-000000", "eval-0-000001"}) collector_.Drop(id);
  const absl::Status status = evaluator_->Await(absl::InfinitePast()).status();
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("none of the 2 held-out groups was answered"));
}

}  // namespace
}  // namespace maspo
