#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/config/config_loader.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// A configuration that is fine, and what becomes of it when one thing changes.
class ConfigValidationTest : public ::testing::Test {
 protected:
  ConfigValidationTest() {
    dir_.Write("model/config.json", "{}");
    dir_.Write("train.jsonl", "");
    dir_.Write("token", "secret");
    dir_.Write("ca.pem", "");
    dir_.Write("cert.pem", "");
    dir_.Write("key.pem", "");
    dir_.Write("run.yaml", "model: {path: model}\ndata: {train: train.jsonl}\n");
  }

  absl::Status With(const std::vector<std::string>& overrides) {
    const auto config = LoadConfig(dir_.File("run.yaml"), overrides);
    for (const absl::Status& status : {config.status(), config.ok() ? ValidateConfig(*config) : config.status(),
                                       config.ok() ? CheckModelFolder(config->model()) : config.status(),
                                       config.ok() ? CheckDataFiles(config->data()) : config.status()}) {
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  std::string Tls() {
    return "network.tls={ca_file: " + dir_.File("ca.pem") + ", certificate_file: " + dir_.File("cert.pem") +
           ", key_file: " + dir_.File("key.pem") + "}";
  }
  TempDir dir_;
};

// A number that the configuration itself gives a range, with a value at and one beyond each end of its type's use.
struct Number {
  std::string key;
  const char *low, *high;
};

// Those of objective, advantage and correction are checked by what takes them.
void AppendNumbers(const google::protobuf::Descriptor& message, const std::string& prefix,
                   std::vector<Number>& numbers) {
  using Field = google::protobuf::FieldDescriptor;
  for (int i = 0; i < message.field_count(); ++i) {
    const Field& field = *message.field(i);
    const std::string key = prefix + field.name();
    if (key == "learner.objective" || key == "learner.advantage" || key == "learner.behavior_correction") continue;
    switch (field.cpp_type()) {
      case Field::CPPTYPE_MESSAGE:
        AppendNumbers(*field.message_type(), key + ".", numbers);
        break;
      case Field::CPPTYPE_DOUBLE:
        numbers.push_back({key, "-1", "1e300"});
        break;
      case Field::CPPTYPE_UINT32:
        numbers.push_back({key, "0", "4294967295"});
        break;
      case Field::CPPTYPE_UINT64:
        numbers.push_back({key, "0", "18446744073709551615"});
        break;
      default:
        break;
    }
  }
}

TEST_F(ConfigValidationTest, DefaultsAreFine) { EXPECT_EQ(Message(With({})), ""); }

TEST_F(ConfigValidationTest, NonsenseIsNamedWithKeyAndValue) {
  const std::pair<const char*, const char*> mistakes[] = {
      {"run.steps=0", "run.steps is 0; it must be at least 1 and at most 1000000000000"},
      {"run.steps=18446744073709551615", "run.steps is 1.84467e+19; it must be at least 1 and at most 1000000000000"},
      {"rollout.threads=4294967295", "rollout.threads is 4294967295; it must be at least 1 and at most 1024"},
      {"rollout.temperature=0", "rollout.temperature is 0; it must be at least 0.001 and at most 1000"},
      {"rollout.temperature=5000", "rollout.temperature is 5000; it must be at least 0.001 and at most 1000"},
      {"evaluation.temperature=0.0005", "evaluation.temperature is 0.0005; it must be 0 (greedy) or at least 0.001"},
      {"rollout.top_p=1.5", "rollout.top_p is 1.5; it must be greater than 0 and at most 1"},
      {"network.max_message_mib=2048", "network.max_message_mib is 2048; it must be at least 1 and at most 2047"},
      {"rollout.group_size=1",
       "rollout.group_size is 1; the advantage grpo compares the responses of a group and needs at least 2"},
      {"learner.mini_batch_groups=513",
       "learner.mini_batch_groups is 513, more than the rollout.prompts_per_step of 512 that a step has"},
      {"rollout.kv_cache_tokens=10239",
       "rollout.kv_cache_tokens is 10239, less than one sequence of 10240 tokens needs "
       "(data.max_prompt_tokens + rollout.max_new_tokens)"},
      {"network.max_message_mib=0", "network.max_message_mib is 0; it must be at least 1 and at most 2047"},
      {"rollout.group_size=1000",
       "network.max_message_mib is 64; a group of 1000 responses (rollout.group_size) with 8192 tokens "
       "(rollout.max_new_tokens) needs up to 71"},
      {"rollout.kv_cache_tokens=1000000000000",
       "rollout.kv_cache_tokens is 1000000000000, more than 2147483647 blocks of rollout.kv_block_tokens; raise the "
       "latter"},
      {"reward.incorrect=1", "reward.correct is 1; it must be greater than reward.incorrect, which is 1"},
      {"reward.cache_mib=33",
       "reward.cache_mib is 33; it must be at most half of reward.worker_memory_mib, which is 64"},
      {"reward.external_scorers=127.0.0.1:8000",
       "reward.external_scorers: \"127.0.0.1:8000\" must be SOURCE=http://HOST:PORT/PATH, "
       "SOURCE=https://HOST:PORT/PATH or SOURCE=grpc://HOST:PORT"},
      {"reward.external_attempts=0", "reward.external_attempts is 0; it must be at least 1 and at most 2147483647"},
      {"learner.optimizer.beta2=1", "learner.optimizer.beta2 is 1; it must be at least 0 and less than 1"},
      {"weights.backend=nccl",
       "weights.backend is nccl, which needs GPUs, but model.device is cpu; set it to auto or gloo"},
      {"evaluation.k=[1, 17]", "evaluation.k has 17; Pass@k needs 1 <= k <= evaluation.samples, which is 16"},
      {"evaluation.max_new_tokens=0",
       "evaluation.max_new_tokens is 0; it must be at least 1, or unset for rollout.max_new_tokens"},
      {"network.heartbeat_timeout_seconds=1",
       "network.heartbeat_timeout_seconds is 1; it must be greater than network.heartbeat_seconds, which is 1"},
      {"network.learner=localhost",
       "network.learner: \"localhost\" is not an address; write host:port, for instance 127.0.0.1:50051"},
  };
  for (const auto& [override, message] : mistakes) {
    const absl::Status status = With({override});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << override;
    EXPECT_EQ(Message(status), message);
  }
}

TEST_F(ConfigValidationTest, AGroupOfOneIsForAdvantagesThatCompareNothing) {
  for (const char* advantage : {"reinforce_pp", "gae"}) {
    const std::string name = absl::StrCat("learner.advantage.name=", advantage);
    EXPECT_TRUE(With({name, "rollout.group_size=1"}).ok()) << advantage;
    EXPECT_THAT(Message(With({name, "rollout.group_size=1", "learner.dynamic_sampling=true"})),
                ::testing::StartsWith("learner.dynamic_sampling replaces groups with all or no responses correct"));
  }
}

// Workers generate for both purposes with one cache, over one network.
TEST_F(ConfigValidationTest, EvaluationMustFitAsTrainingDoes) {
  const std::string eval = "data.eval=" + dir_.File("train.jsonl");
  EXPECT_EQ(Message(With({eval, "evaluation.max_new_tokens=70000"})),
            "rollout.kv_cache_tokens is 65536, less than one sequence of 72048 tokens needs (data.max_prompt_tokens + "
            "evaluation.max_new_tokens)");
  EXPECT_EQ(Message(With({eval, "evaluation.samples=1000"})),
            "network.max_message_mib is 64; a group of 1000 responses (evaluation.samples) with 8192 tokens "
            "(rollout.max_new_tokens) needs up to 71");
  EXPECT_TRUE(With({"evaluation.samples=1000"}).ok()) << "nothing is evaluated";
}

// A new number is refused here until somebody has thought about its ends.
TEST_F(ConfigValidationTest, EveryNumberHasItsRange) {
  const std::set<std::string> may_be_zero = {
      "run.seed",
      "run.eval_interval",
      "run.checkpoint_interval",
      "run.keep_checkpoints",
      "rollout.top_k",
      "reward.cache_mib",
      "learner.activation_mib",
      "learner.max_staleness",
      "learner.optimizer.warmup_steps",
      "metrics.port",
      "metrics.sample_interval",
      "reward.incorrect",  // -1, as long as reward.correct is above.
      "reward.overlong_max_tokens",
      "reward.overlong_buffer_tokens",
      "reward.repetition_words",  // RewardFunction checks.
  };
  const std::set<std::string> may_be_huge = {
      "run.seed", "run.eval_interval", "run.checkpoint_interval", "run.keep_checkpoints", "metrics.sample_interval",
      "rollout.prompts_per_step", "rollout.top_k", "reward.max_batch_items", "reward.max_waiting_items",
      "reward.worker_memory_mib", "reward.external_batch_items", "reward.external_max_response_kib",
      "reward.overlong_max_tokens", "reward.overlong_buffer_tokens", "reward.repetition_words", "learner.logits_mib",
      "learner.activation_mib", "learner.micro_batch_tokens",
      // Unwise, and seen at once: updates are skipped, or undone by decay.
      "learner.optimizer.learning_rate", "learner.optimizer.eps", "learner.optimizer.weight_decay",
      "learner.optimizer.max_grad_norm", "learner.optimizer.final_learning_rate_ratio"};
  std::vector<Number> numbers;
  AppendNumbers(*v1::RunConfig::descriptor(), "", numbers);
  EXPECT_GT(numbers.size(), 60u);
  const std::string eval = "data.eval=" + dir_.File("train.jsonl");
  for (const Number& number : numbers) {
    EXPECT_EQ(With({eval, number.key + "=" + number.low}).ok(), may_be_zero.contains(number.key)) << number.key;
    EXPECT_EQ(With({eval, number.key + "=" + number.high}).ok(), may_be_huge.contains(number.key)) << number.key;
  }
}

TEST_F(ConfigValidationTest, InputsMustExist) {
  EXPECT_EQ(Message(With({"model.path="})), "model.path is not set; give a Hugging Face folder");
  EXPECT_EQ(Message(With({"model.path=/absent"})), "model.path: there is no folder /absent");
  EXPECT_EQ(Message(With({"model.path=" + dir_.path()})),
            "model.path: " + dir_.path() + " has no config.json, so it is no Hugging Face folder");
  EXPECT_EQ(Message(With({"data.train=[]"})), "data.train is not set; give one or more JSONL files");
  EXPECT_EQ(With({"data.train=/absent.jsonl"}).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Message(With({"data.eval=/absent.jsonl"})), "data.eval: there is no file /absent.jsonl");
  EXPECT_EQ(Message(With({"network.token_file=/absent"})), "network.token_file: there is no file /absent");
}

TEST_F(ConfigValidationTest, PlaintextStaysOnThisMachineUnlessAskedFor) {
  EXPECT_TRUE(With({"network.learner=localhost:50051"}).ok());
  EXPECT_THAT(
      Message(With({"network.learner=10.0.0.1:50051"})),
      ::testing::StartsWith("network.learner is 10.0.0.1:50051, which is not a loopback address; set network.tls"));
  EXPECT_THAT(Message(With({"network.reward_servers=reward-0:50051"})),
              ::testing::StartsWith("network.reward_servers is reward-0:50051, which is not a loopback address"));
  EXPECT_TRUE(With({"network.learner=10.0.0.1:50051", "network.allow_plaintext_on_any_address=true"}).ok());
  EXPECT_TRUE(With({"network.learner=10.0.0.1:50051", Tls()}).ok());
}

TEST_F(ConfigValidationTest, TokenNeedsTlsBeyondThisMachine) {
  const std::string token = "network.token_file=" + dir_.File("token");
  EXPECT_TRUE(With({token}).ok());
  EXPECT_EQ(Message(With({token, "network.learner=10.0.0.1:1", "network.allow_plaintext_on_any_address=true"})),
            "network.learner is 10.0.0.1:1, where network.token_file would travel in the clear; set network.tls");
  EXPECT_TRUE(With({token, "network.learner=10.0.0.1:1", Tls()}).ok());
}

TEST_F(ConfigValidationTest, TlsNeedsAllItsFiles) {
  EXPECT_EQ(Message(With({"network.tls={ca_file: " + dir_.File("ca.pem") + "}"})),
            "network.tls.certificate_file is not set; give the path of a file");
}

}  // namespace
}  // namespace maspo
