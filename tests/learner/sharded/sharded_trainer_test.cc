#include "learner/sharded/sharded_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "learner/ranks/leading_trainer.h"
#include "learner/sharded/shard_file.h"
#include "model/hugging_face.h"
#include "tests/learner/sharded/rank_threads.h"
#include "tests/model/held_weights.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

struct SnapshotSink final : PolicyPublisher {
  void Publish(std::shared_ptr<PolicySnapshot> weights, int64_t version) override {
    snapshots[version] = std::move(weights);
  }
  PushStatistics TakeStatistics() override { return {}; }
  std::map<int64_t, std::shared_ptr<PolicySnapshot>> snapshots;
};

// The digests of all buckets, by what the ranks say of their parts, which are also those of the whole buckets.
std::string DigestOf(PolicySnapshot& snapshot) {
  const auto manifest = snapshot.Describe(1);
  EXPECT_TRUE(manifest.ok()) << manifest.status();
  std::string all;
  const absl::Status visited = snapshot.ForEachBucket([&](size_t i, const torch::Tensor& values) {
    EXPECT_EQ(values.nbytes(), manifest->buckets(static_cast<int>(i)).num_bytes());
    EXPECT_EQ(maspo::DigestOf(values), manifest->buckets(static_cast<int>(i)).digest());
    absl::StrAppend(&all, manifest->buckets(static_cast<int>(i)).digest(), " ");
    return absl::OkStatus();
  });
  EXPECT_TRUE(visited.ok()) << visited;
  return all;
}

// To the end.
absl::Status Save(PolicyTrainer& trainer, const std::string& folder) {
  const auto finish = trainer.Save(folder);
  return finish.ok() ? (*finish)() : finish.status();
}

// Trains the quick start's model on one group.
class ShardedTrainerTest : public ::testing::Test {
 protected:
  std::unique_ptr<ShardedTrainer> Create(std::optional<std::string> checkpoint = std::nullopt, int64_t num_updates = 0,
                                         Ranks* ranks = nullptr) {
    auto trainer = ShardedTrainer::Create({.model = model_,
                                           .model_folder = base_,
                                           .checkpoint = std::move(checkpoint),
                                           .num_updates = num_updates,
                                           .update = {.micro_batch_tokens = 4}},
                                          *MakeObjective({}), ranks == nullptr ? alone_.get() : ranks);
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    return *std::move(trainer);
  }
  std::string Digest(PolicyTrainer& trainer) {
    SnapshotSink sink;
    EXPECT_TRUE(trainer.Publish(1, &sink).ok());
    return DigestOf(*sink.snapshots.at(1));
  }
  std::vector<TrainingGroup> Groups() {
    std::vector<TrainingGroup> groups(1);
    groups[0].group_id = "g0";
    groups[0].prompt = {5, 6};
    for (const float advantage : {1.0f, -1.0f}) {
      groups[0].responses.push_back({.token_ids = {7, 8, 9},
                                     .behavior_logprobs = {-1, -1, -1},
                                     .old_logprobs = {},
                                     .reference_logprobs = {},
                                     .advantages = {advantage, advantage, advantage},
                                     .correction = {}});
      groups[0].responses.back().token_ids[0] += static_cast<int64_t>(advantage);
    }
    return groups;
  }
  void Step(PolicyTrainer& trainer) {
    std::vector<TrainingGroup> groups = Groups();
    ASSERT_TRUE(trainer.ComputeLogprobs(groups, nullptr).ok());
    const auto result = trainer.Apply(groups, 1e-2, nullptr);
    ASSERT_TRUE(result.ok() && result->applied) << result.status();
  }

  const std::unique_ptr<Ranks> alone_ = Ranks::Alone();
  const TempDir dir_;
  const std::string base_ = std::string(std::getenv("MASPO_SOURCE_DIR")) + "/examples/quickstart/base";
  const ModelConfig model_ = *ModelConfig::Load(base_);
};

TEST_F(ShardedTrainerTest, GoesOnFromWhatItSavedAsIfNothingHadBeen) {
  const auto trainer = Create();
  Step(*trainer);
  ASSERT_TRUE(Save(*trainer, dir_.File("saved")).ok());
  EXPECT_TRUE(ShardedTrainer::CheckCheckpoint(dir_.File("saved"), model_).ok());
  Step(*trainer);

  const auto resumed = Create(dir_.File("saved"), 1);
  EXPECT_EQ(resumed->num_updates(), 1);
  Step(*resumed);
  EXPECT_EQ(Digest(*resumed), Digest(*trainer));
}

TEST_F(ShardedTrainerTest, GoesBackToTheStateThatItKept) {
  const auto trainer = Create();
  Step(*trainer);
  const std::string kept = Digest(*trainer);
  ASSERT_TRUE(trainer->Keep().ok());
  Step(*trainer);
  const std::string after = Digest(*trainer);
  EXPECT_NE(after, kept);
  trainer->GoBack();
  EXPECT_EQ(Digest(*trainer), kept);
  EXPECT_EQ(trainer->num_updates(), 1);
  Step(*trainer);
  EXPECT_EQ(Digest(*trainer), after) << "the moments went back, too";
}

TEST_F(ShardedTrainerTest, AStopChangesNothing) {
  const auto trainer = Create();
  const std::string before = Digest(*trainer);
  std::vector<TrainingGroup> groups = Groups();
  ASSERT_TRUE(trainer->ComputeLogprobs(groups, nullptr).ok());
  StopSignal stop;
  stop.RequestStop();
  EXPECT_TRUE(absl::IsCancelled(trainer->ComputeLogprobs(groups, &stop).status()));
  EXPECT_TRUE(absl::IsCancelled(trainer->Apply(groups, 1e-2, &stop).status()));
  EXPECT_EQ(Digest(*trainer), before);
  EXPECT_EQ(trainer->num_updates(), 0);
}

TEST_F(ShardedTrainerTest, AnExceptionOfTheLibraryIsAnError) {
  const auto trainer = Create();
  std::vector<TrainingGroup> groups = Groups();
  groups[0].responses[0].token_ids[0] = 1 << 30;
  EXPECT_EQ(trainer->ComputeLogprobs(groups, nullptr).status().code(), absl::StatusCode::kInternal);
}

TEST_F(ShardedTrainerTest, DamageIsNamed) {
  ASSERT_TRUE(Save(*Create(), dir_.File("saved")).ok());
  const std::string moments = dir_.File("saved/optimizer/rank-00000-of-00001.safetensors");
  fs::resize_file(moments, fs::file_size(moments) - 1);
  EXPECT_THAT(std::string(ShardedTrainer::CheckCheckpoint(dir_.File("saved"), model_).message()),
              HasSubstr("rank-00000-of-00001.safetensors"));
  fs::remove(moments);
  EXPECT_TRUE(absl::IsNotFound(ShardedTrainer::CheckCheckpoint(dir_.File("saved"), model_)));
  fs::remove(dir_.File("saved/model.safetensors"));
  EXPECT_FALSE(ShardedTrainer::CheckCheckpoint(dir_.File("saved"), model_).ok());
}

TEST_F(ShardedTrainerTest, TheCheckpointOfAnotherModelIsRefused) {
  ASSERT_TRUE(Save(*Create(), dir_.File("saved")).ok());
  ModelConfig wider = model_;
  wider.intermediate_size *= 2;
  EXPECT_TRUE(absl::IsDataLoss(CheckShards(dir_.File("saved"), ParameterLayout(wider))));
}

TEST_F(ShardedTrainerTest, TheCheckpointOfAnEarlierVersionIsRefusedBySayingSo) {
  ASSERT_TRUE(Save(*Create(), dir_.File("saved")).ok());
  dir_.Write("saved/optimizer.safetensors", "");
  EXPECT_THAT(std::string(ShardedTrainer::CheckCheckpoint(dir_.File("saved"), model_).message()),
              HasSubstr("earlier version"));
}

// Four ranks, then two, then one, each from the checkpoint of those before, end as one rank does that was never
// disturbed.
TEST_F(ShardedTrainerTest, AnyNumberOfRanksGoesOnFromACheckpointOfAnyOther) {
  const auto undisturbed = Create();
  for (int i = 0; i < 3; ++i) Step(*undisturbed);
  const std::string want = Digest(*undisturbed);

  std::optional<std::string> checkpoint;
  int64_t updates = 0;
  for (const int size : {4, 2, 1}) {
    const std::string next = dir_.File(absl::StrCat("after-", size));
    std::string digest;
    RunRanks(size, [&](std::unique_ptr<Ranks> ranks) {
      std::unique_ptr<PolicyTrainer> trainer = Create(checkpoint, updates, ranks.get());
      if (ranks->rank() > 0) {
        EXPECT_TRUE(Follow(*trainer, *ranks).ok());
        return;
      }
      if (size > 1) trainer = std::make_unique<LeadingTrainer>(std::move(trainer), ranks.get());
      Step(*trainer);
      ASSERT_TRUE(trainer->Keep().ok());
      Step(*trainer);
      trainer->GoBack();
      EXPECT_EQ(trainer->num_updates(), updates + 1);
      ASSERT_TRUE(Save(*trainer, next).ok());
      digest = Digest(*trainer);
    });
    EXPECT_EQ(fs::exists(absl::StrCat(next, "/optimizer/rank-00000-of-0000", size, ".safetensors")), true);
    EXPECT_TRUE(ShardedTrainer::CheckCheckpoint(next, model_).ok());
    checkpoint = next;
    ++updates;
    if (size == 1) {
      EXPECT_EQ(digest, want);
    }
  }
}

// Whoever sends version 1 still can when the weights have been changed twice since, and what is written is of the time
// when it was asked for.
TEST_F(ShardedTrainerTest, SnapshotsAndCheckpointsStayWhatTheyWere) {
  for (const int size : {1, 3}) {
    RunRanks(size, [&](std::unique_ptr<Ranks> ranks) {
      std::unique_ptr<PolicyTrainer> trainer = Create(std::nullopt, 0, ranks.get());
      if (ranks->rank() > 0) {
        EXPECT_TRUE(Follow(*trainer, *ranks).ok());
        return;
      }
      if (size > 1) trainer = std::make_unique<LeadingTrainer>(std::move(trainer), ranks.get());
      SnapshotSink sink;
      std::vector<std::string> digests;
      const std::string folder = dir_.File(absl::StrCat("of-", size));
      PolicyTrainer::FinishSave finish;
      for (int64_t version = 1; version <= 3; ++version) {
        Step(*trainer);
        ASSERT_TRUE(trainer->Publish(version, &sink).ok());
        digests.push_back(DigestOf(*sink.snapshots.at(version)));
        if (version == 2) finish = *trainer->Save(folder);
        if (version == 3) sink.snapshots.erase(2);  // The checkpoint still needs it.
      }
      EXPECT_EQ(DigestOf(*sink.snapshots.at(1)), digests[0]);
      EXPECT_EQ(DigestOf(*sink.snapshots.at(3)), digests[2]);
      ASSERT_TRUE(finish().ok());
      finish = nullptr;
      sink.snapshots.clear();
      EXPECT_NE(digests[0], digests[1]);
      const auto weights = LoadWeights(folder, model_, torch::kCPU, torch::kFloat32);
      ASSERT_TRUE(weights.ok()) << weights.status();
      HeldWeights saved(*weights);
      EXPECT_EQ(DigestOf(saved), digests[1]);
      if (size > 1) return;
      const auto resumed = Create(folder, 2);
      EXPECT_EQ(Digest(*resumed), digests[1]);
    });
  }
}

// What one rank cannot write, all know.
TEST_F(ShardedTrainerTest, AFolderThatCannotBeWrittenIsAnErrorOfTheSaveAlone) {
  dir_.Write("file", "");
  RunRanks(2, [&](std::unique_ptr<Ranks> ranks) {
    std::unique_ptr<PolicyTrainer> trainer = Create(std::nullopt, 0, ranks.get());
    if (ranks->rank() > 0) {
      EXPECT_TRUE(Follow(*trainer, *ranks).ok());
      return;
    }
    trainer = std::make_unique<LeadingTrainer>(std::move(trainer), ranks.get());
    EXPECT_FALSE(Save(*trainer, dir_.File("file") + "/saved").ok());
    EXPECT_TRUE(Save(*trainer, dir_.File("saved")).ok());
  });
}

}  // namespace
}  // namespace maspo
