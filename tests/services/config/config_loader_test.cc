#include "services/config/config_loader.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "absl/strings/str_cat.h"
#include "services/base/atomic_file.h"
#include "services/base/spelling.h"
#include "services/config/closest_name.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

class ConfigLoaderTest : public ::testing::Test {
 protected:
  absl::StatusOr<v1::RunConfig> Load(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
    return LoadConfig(dir_.Write("run.yaml", yaml), overrides);
  }
  TempDir dir_;
};

TEST_F(ConfigLoaderTest, BlockAndFlowStyleOfAPartialFileAreTheSame) {
  const auto block = Load(
      "learner:\n"
      "  objective: {name: maspo, sigma_base: 1.0, alpha: 0.5, beta_high: 0.03, beta_low: 0.03}\n"
      "  advantage:\n"
      "    name: grpo\n"
      "  loss_aggregation: token-mean\n"
      "  mini_batch_groups: 2   # comment\n"
      "  optimizer:\n"
      "    name: adamw\n"
      "    learning_rate: 1.0e-3\n"
      "  shuffle: false\n");
  const auto flow = Load(
      "learner: {objective: {name: maspo, sigma_base: 1.0, alpha: 0.5, beta_high: 0.03, beta_low: 0.03}, "
      "advantage: {name: grpo}, loss_aggregation: token-mean, mini_batch_groups: 2, "
      "optimizer: {name: adamw, learning_rate: 1.0e-3}, shuffle: false}");
  ASSERT_TRUE(block.ok()) << block.status();
  ASSERT_TRUE(flow.ok()) << flow.status();
  EXPECT_TRUE(MessageDifferencer::Equals(*block, *flow));
  EXPECT_EQ(block->learner().optimizer().learning_rate(), 1e-3);
  EXPECT_EQ(block->learner().optimizer().beta2(), 0.95);  // The schema's default.
  EXPECT_FALSE(block->learner().objective().has_clip_low());
  EXPECT_FALSE(block->has_rollout());
}

TEST_F(ConfigLoaderTest, ScalarStandsForAListOfOne) {
  EXPECT_THAT(Load("evaluation: {k: 4}")->evaluation().k(), ElementsAre(4));
  EXPECT_THAT(Load("evaluation: {k: [1, 4]}")->evaluation().k(), ElementsAre(1, 4));
  EXPECT_THAT(Load("evaluation: {k: []}")->evaluation().k(), ElementsAre());
}

TEST_F(ConfigLoaderTest, EmptyFilesAndSectionsLeaveDefaults) {
  for (const char* yaml : {"", "# only a comment\n", "run:\nlearner:\n  # all commented out\n", "{}"}) {
    const auto config = Load(yaml);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->run().steps(), 1000u);
  }
}

TEST_F(ConfigLoaderTest, StringsAreTakenAsWritten) {
  const auto config = Load("run: {name: 0123}\ndata: {prompt_suffix: \"\\nThink.\", system_prompt: 'yes'}\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->run().name(), "0123");
  EXPECT_EQ(config->data().prompt_suffix(), "\nThink.");
  EXPECT_EQ(config->data().system_prompt(), "yes");
}

struct Mistake {
  const char* yaml;
  const char* message;  // After "FILE:".
};

TEST_F(ConfigLoaderTest, EveryMistakeIsNamedWithItsLine) {
  const Mistake mistakes[] = {
      {"learner:\n  optimiser: {}\n", "2: unknown key learner.optimiser; did you mean optimizer?"},
      {"learnr: {}\n", "1: unknown key learnr; did you mean learner?"},
      {"run:\n  steps: 3\n  xyzzy: 1\n",
       "3: unknown key run.xyzzy; known here: name, steps, seed, eval_interval, checkpoint_interval, "
       "keep_checkpoints, stall_seconds, checkpoint_minutes, stop_seconds, record_groups"},
      {"run:\n  steps: many\n", "2: run.steps must be an integer >= 0, not \"many\""},
      {"run: {steps: 1.5}\n", "1: run.steps must be an integer >= 0, not \"1.5\""},
      {"run: {steps: \"3\"}\n", "1: run.steps must be an integer >= 0, not \"3\""},
      {"\nrun: {seed: -1}\n", "2: run.seed must be an integer >= 0, not \"-1\""},
      {"run: {seed: 18446744073709551616}\n", "1: run.seed must be an integer >= 0, not \"18446744073709551616\""},
      {"rollout: {top_k: 4294967296}\n",
       "1: rollout.top_k must be an integer from 0 to 4294967295, not \"4294967296\""},
      {"rollout: {temperature: hot}\n", "1: rollout.temperature must be a number, not \"hot\""},
      {"rollout: {temperature: nan}\n", "1: rollout.temperature must be a number, not \"nan\""},
      {"rollout: {temperature: 1e999}\n", "1: rollout.temperature must be a number, not \"1e999\""},
      {"learner: {shuffle: yes}\n", "1: learner.shuffle must be true or false, not \"yes\""},
      {"learner: {shuffle: 1}\n", "1: learner.shuffle must be true or false, not \"1\""},
      {"learner:\n  old_logprobs: recompue\n",
       "2: learner.old_logprobs must be one of recompute, behavior, not \"recompue\"; did you mean recompute?"},
      {"learner: {loss_aggregation: token_mean}\n",
       "1: learner.loss_aggregation must be one of token-mean, seq-mean-token-sum, seq-mean-token-mean, "
       "seq-mean-token-sum-norm, group-token-mean, all-seq-mean-token-mean, not \"token_mean\"; did you mean "
       "token-mean?"},
      {"learner: {optimizer: {name: sgd}}\n", "1: learner.optimizer.name must be adamw, not \"sgd\""},
      {"weights: {backend: NCCL}\n", "1: weights.backend must be one of auto, nccl, gloo, not \"NCCL\""},
      {"learner: {advantage: {name: [grpo]}}\n", "1: learner.advantage.name must be a single value, not a list"},
      {"run: {steps: [1, 2]}\n", "1: run.steps must be a single value, not a list"},
      {"run: {steps: {a: 1}}\n", "1: run.steps must be a single value, not a section"},
      {"run:\n  steps:\n", "2: run.steps has no value"},
      {"run: 3\n", "1: run must be a section of \"key: value\" lines, not a single value"},
      {"learner:\n  optimizer: [adamw]\n",
       "2: learner.optimizer must be a section of \"key: value\" lines, not a list"},
      {"- run\n", "1: the configuration must be a section of \"key: value\" lines, not a list"},
      {"evaluation:\n  k: [1,\n    x]\n", "3: evaluation.k must be an integer from 0 to 4294967295, not \"x\""},
      {"run:\n  steps: 1\n  steps: 2\n", "3: run.steps is given twice"},
      {"run: {steps: 1}\nlearner: {}\nrun: {seed: 2}\n", "3: run is given twice"},
      {"? [a, b]\n: 1\n", "1: a key must be a single word"},
      {"run: {}\n---\nrun: {}\n", "3: a configuration is one document; remove the line \"---\""},
  };
  for (const Mistake& mistake : mistakes) {
    const absl::Status status = Load(mistake.yaml).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << mistake.yaml;
    EXPECT_EQ(Message(status), dir_.File("run.yaml") + ":" + mistake.message);
  }
}

TEST_F(ConfigLoaderTest, SyntaxErrorsAndMissingFilesAreSentencesToo) {
  const absl::Status syntax = Load("run:\n  steps: [1\nseed: 2\n").status();
  EXPECT_THAT(Message(syntax), ::testing::MatchesRegex(".*run\\.yaml:[0-9]: not valid YAML: .*"));
  EXPECT_FALSE(Load(std::string(5000, '[')).ok());
  const absl::Status missing = LoadConfig(dir_.File("absent.yaml")).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(missing), ::testing::HasSubstr("absent.yaml"));
}

TEST_F(ConfigLoaderTest, OverridesWinInOrderAndReplaceLists) {
  const auto config =
      Load("run: {steps: 3, seed: 7}\nevaluation: {k: [1, 2, 4]}\n",
           {"run.steps=5", "run.steps=6", "evaluation.k=[8]", "learner.optimizer.learning_rate=1e-6",
            "data.prompt_suffix=Answer: # x = y", "network.reward_servers=[\"127.0.0.1:1\", \"127.0.0.1:2\"]",
            "learner.advantage={name: grpo, normalization: mean_only}"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->run().steps(), 6u);
  EXPECT_EQ(config->run().seed(), 7u);
  EXPECT_THAT(config->evaluation().k(), ElementsAre(8));
  EXPECT_EQ(config->learner().optimizer().learning_rate(), 1e-6);
  EXPECT_EQ(config->data().prompt_suffix(), "Answer: # x = y");
  EXPECT_THAT(config->network().reward_servers(), ElementsAre("127.0.0.1:1", "127.0.0.1:2"));
  EXPECT_EQ(config->learner().advantage().normalization(), v1::NORMALIZATION_MEAN_ONLY);
}

TEST_F(ConfigLoaderTest, Ipv6EndpointsAreTextAlsoInLists) {
  const auto one = Load("network: {learner: \"[::1]:0\"}\n", {"network.reward_servers=[::1]:7000"});
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(one->network().learner(), "[::1]:0");
  EXPECT_THAT(one->network().reward_servers(), ElementsAre("[::1]:7000"));
  const auto list = Load("", {"network.learner=[::1]:0", "network.reward_servers=[\"[::1]:7000\", \"[::1]:7001\"]"});
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(list->network().reward_servers(), ElementsAre("[::1]:7000", "[::1]:7001"));
  EXPECT_THAT(LoadConfig(dir_.Write("again.yaml", ResolvedYaml(*list)))->network().reward_servers(),
              ElementsAre("[::1]:7000", "[::1]:7001"));
}

TEST_F(ConfigLoaderTest, BadOverridesNameTheFlag) {
  const std::pair<const char*, const char*> mistakes[] = {
      {"run.steps", "--set run.steps: write key.path=value"},
      {"=3", "--set =3: write key.path=value"},
      {"run.stepz=3", "--set run.stepz=3: unknown key run.stepz; did you mean steps?"},
      {"ru.steps=3", "--set ru.steps=3: unknown key ru; did you mean run?"},
      {"run.steps.x=3", "--set run.steps.x=3: run.steps has no keys below it"},
      {"run.steps=x", "--set run.steps=x: run.steps must be an integer >= 0, not \"x\""},
      {"run.steps=", "--set run.steps=: run.steps has no value"},
      {"run=3", "--set run=3: run must be a section of \"key: value\" lines, not a single value"},
  };
  for (const auto& [assignment, message] : mistakes) {
    EXPECT_EQ(Message(LoadConfig("", {assignment}).status()), message);
  }
}

TEST_F(ConfigLoaderTest, RelativePathsStartAtTheFileThatNamesThem) {
  dir_.Write("conf/run.yaml",
             "model: {path: ../model}\n"
             "data: {train: [a.jsonl, /abs/b.jsonl], eval: sub/c.jsonl}\n"
             "network: {token_file: token, tls: {ca_file: ca.pem}}\n"
             "run: {name: some/name}\n");
  const auto config = LoadConfig(dir_.File("conf/run.yaml"), {"data.eval=d.jsonl"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model().path(), dir_.File("model"));
  EXPECT_THAT(config->data().train(), ElementsAre(dir_.File("conf/a.jsonl"), "/abs/b.jsonl"));
  EXPECT_THAT(config->data().eval(), ElementsAre((std::filesystem::current_path() / "d.jsonl").string()));
  EXPECT_EQ(config->network().token_file(), dir_.File("conf/token"));
  EXPECT_EQ(config->network().tls().ca_file(), dir_.File("conf/ca.pem"));
  EXPECT_EQ(config->run().name(), "some/name");
}

TEST_F(ConfigLoaderTest, ResolvedFileLoadsBackToTheSameMessage) {
  const auto config = Load(
      "run: {name: \"quote \\\" tab \\t ünïcode null\", seed: 18446744073709551615}\n"
      "model: {path: m}\ndata: {train: [a, b], prompt_suffix: \"\\nline: #2\", system_prompt: \"\"}\n"
      "learner: {objective: {alpha: 0.1}, optimizer: {learning_rate: 3.3333333333333335e-7}}\n"
      "evaluation: {k: [1, 16]}\n");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_TRUE(WriteResolvedConfig(*config, dir_.File("resolved.yaml")).ok());
  const auto loaded = LoadConfig(dir_.File("resolved.yaml"));
  ASSERT_TRUE(loaded.ok()) << loaded.status() << ReadFile(dir_.File("resolved.yaml")).value();
  EXPECT_TRUE(MessageDifferencer::Equals(*loaded, ResolveDefaults(*config)));
  EXPECT_EQ(ResolvedYaml(*loaded), ResolvedYaml(*config));
  EXPECT_TRUE(loaded->learner().optimizer().has_beta2());
  EXPECT_FALSE(loaded->learner().objective().has_clip_low());
  EXPECT_FALSE(loaded->network().has_tls());
}

TEST_F(ConfigLoaderTest, ResolvedNumbersAreNumbersToEveryYamlReader) {
  const std::string yaml = ResolvedYaml(v1::RunConfig());
  EXPECT_THAT(yaml, ::testing::HasSubstr("learning_rate: 1.0e-06\n"));
  EXPECT_THAT(yaml, ::testing::HasSubstr("temperature: 1.0\n"));
  EXPECT_THAT(yaml, ::testing::HasSubstr("steps: 1000\n"));
}

// A resolved configuration of before wrote names in quotes; all spellings are taken, and written back, as they are.
TEST_F(ConfigLoaderTest, EveryValueOfAnEnumerationIsReadAndWrittenAsSpelt) {
  const std::pair<const char*, std::vector<std::string>> keys[] = {
      {"learner.loss_aggregation", Spellings<v1::Aggregation>()},
      {"learner.old_logprobs", Spellings<v1::OldLogprobs>()},
      {"learner.objective.name", Spellings<v1::Objective>()},
      {"learner.objective.gating", Spellings<v1::Gating>()},
      {"learner.objective.probability", Spellings<v1::WeighingPolicy>()},
      {"learner.objective.contribution", Spellings<v1::Contribution>()},
      {"learner.objective.order", Spellings<v1::BoundOrder>()},
      {"learner.objective.reference_kl_type", Spellings<v1::KlEstimate>()},
      {"learner.advantage.name", Spellings<v1::Advantage>()},
      {"learner.advantage.normalization", Spellings<v1::Normalization>()},
      {"learner.optimizer.name", Spellings<v1::Optimizer>()},
      {"learner.optimizer.schedule", Spellings<v1::Schedule>()},
      {"weights.backend", Spellings<v1::WeightBackend>()},
  };
  for (const auto& [key, spellings] : keys) {
    for (const std::string& spelling : spellings) {
      const auto plain = Load("", {absl::StrCat(key, "=", spelling)});
      ASSERT_TRUE(plain.ok()) << plain.status();
      const auto quoted = Load("", {absl::StrCat(key, "=\"", spelling, "\"")});
      ASSERT_TRUE(quoted.ok()) << quoted.status();
      EXPECT_TRUE(MessageDifferencer::Equals(*plain, *quoted)) << spelling;
      const std::string yaml = ResolvedYaml(*plain);
      EXPECT_THAT(yaml, ::testing::HasSubstr(absl::StrCat(": ", spelling, "\n")));
      EXPECT_TRUE(MessageDifferencer::Equals(*Load(yaml), ResolveDefaults(*plain))) << spelling;
    }
  }
}

// A value without a spelling could not be written by anybody.
TEST(SpellingTest, EveryValueHasOneOfItsOwn) {
  const auto* schema = v1::RunConfig::descriptor()->file();
  ASSERT_GT(schema->enum_type_count(), 10);
  for (int i = 0; i < schema->enum_type_count(); ++i) {
    const std::vector<std::string> spellings = Spellings(*schema->enum_type(i));
    EXPECT_THAT(std::set<std::string>(spellings.begin(), spellings.end()), ::testing::SizeIs(spellings.size()));
    EXPECT_THAT(spellings, ::testing::Not(::testing::Contains("")));
  }
  EXPECT_EQ(FromSpelling<v1::Objective>("grpo_clip"), v1::OBJECTIVE_GRPO_CLIP);
  EXPECT_EQ(FromSpelling<v1::Objective>("OBJECTIVE_GRPO_CLIP"), std::nullopt);
}

TEST(ClosestNameTest, FindsTyposAndRefusesStrangers) {
  const std::vector<std::string> known = {"temperature", "top_p", "top_k", "threads"};
  EXPECT_EQ(ClosestName("temprature", known), "temperature");
  EXPECT_EQ(ClosestName("treads", known), "threads");
  EXPECT_EQ(ClosestName("tpo_k", known), "top_k");
  EXPECT_EQ(ClosestName("learning_rate", known), "");
  EXPECT_EQ(ClosestName("", known), "");
}

}  // namespace
}  // namespace maspo
