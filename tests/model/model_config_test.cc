#include "model/model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

json GoodConfig() {
  return {{"model_type", "qwen2"},    {"hidden_size", 128},
          {"num_hidden_layers", 3},   {"num_attention_heads", 4},
          {"vocab_size", 368},        {"num_key_value_heads", 2},
          {"intermediate_size", 320}, {"max_position_embeddings", 1024}};
}

absl::StatusOr<ModelConfig> LoadText(const std::string& text) {
  const TempDir folder;
  folder.Write("config.json", text);
  return ModelConfig::Load(folder.path());
}

absl::StatusOr<ModelConfig> LoadWith(const json& changes) {
  json config = GoodConfig();
  config.update(changes);
  return LoadText(config.dump());
}

TEST(ModelConfigTest, ReadsAFolder) {
  const auto config = LoadWith({{"rope_theta", 1e6}, {"tie_word_embeddings", true}, {"torch_dtype", "bfloat16"}});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->head_dim, 32);
  EXPECT_EQ(config->num_kv_heads, 2);
  EXPECT_EQ(config->rope_theta, 1e6);
  EXPECT_TRUE(config->tie_word_embeddings);
  EXPECT_EQ(config->dtype, "bfloat16");
}

TEST(ModelConfigTest, ReadsRopeAndDtypeAsTransformers5WritesThem) {
  const auto config = LoadWith({{"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 5e5}}},
                                {"dtype", "float16"},
                                {"rope_scaling", nullptr},
                                {"layer_types", {"full_attention", "full_attention", "full_attention"}}});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->rope_theta, 5e5);
  EXPECT_EQ(config->dtype, "float16");
}

TEST(ModelConfigTest, AMissingFileIsNotFound) {
  const TempDir folder;
  EXPECT_TRUE(absl::IsNotFound(ModelConfig::Load(folder.path()).status()));
}

TEST(ModelConfigTest, TextThatIsNoObjectIsRefused) {
  for (const char* text : {"", "[]", "{\"model_type\": ", "3"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(LoadText(text).status())) << text;
  }
}

TEST(ModelConfigTest, EveryMissingFieldIsNamed) {
  for (const char* field : {"hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size",
                            "intermediate_size", "max_position_embeddings"}) {
    json config = GoodConfig();
    config.erase(field);
    EXPECT_THAT(LoadText(config.dump()).status().message(), HasSubstr(std::string("\"") + field + "\" is missing"));
  }
}

struct BadChange {
  json change;
  std::string message;
};

class UnusableModelConfigTest : public ::testing::TestWithParam<BadChange> {};

TEST_P(UnusableModelConfigTest, IsRefusedByName) {
  const auto config = LoadWith(GetParam().change);
  EXPECT_TRUE(absl::IsInvalidArgument(config.status())) << config.status();
  EXPECT_THAT(config.status().message(), HasSubstr(GetParam().message));
  EXPECT_THAT(config.status().message(), HasSubstr("/config.json: "));
}

INSTANTIATE_TEST_SUITE_P(
    Fields, UnusableModelConfigTest,
    ::testing::Values(BadChange{{{"model_type", "llama"}}, "model_type \"llama\" is not supported"},
                      BadChange{{{"hidden_act", "gelu"}}, "hidden_act \"gelu\" is not supported"},
                      BadChange{{{"hidden_size", "128"}}, "\"hidden_size\" must be an integer of at least 1"},
                      BadChange{{{"hidden_size", -128}}, "\"hidden_size\" must be"},
                      BadChange{{{"vocab_size", 1e30}}, "\"vocab_size\" must be"},
                      BadChange{{{"vocab_size", uint64_t{1} << 63}}, "\"vocab_size\" must be"},
                      BadChange{{{"vocab_size", 1 << 30}, {"intermediate_size", 1 << 30}, {"hidden_size", 1 << 30}},
                                "parameters, more than any machine holds"},
                      BadChange{{{"num_hidden_layers", 0}}, "\"num_hidden_layers\" must be"},
                      BadChange{{{"hidden_size", 130}}, "hidden_size 130 is not a multiple of num_attention_heads 4"},
                      BadChange{{{"num_key_value_heads", 3}}, "not a multiple of num_key_value_heads 3"},
                      BadChange{{{"head_dim", 7}}, "head dimension 7 is odd"},
                      BadChange{{{"rms_norm_eps", 0}}, "\"rms_norm_eps\" must be a number above 0"},
                      BadChange{{{"tie_word_embeddings", "yes"}}, "\"tie_word_embeddings\" must be true or false"},
                      BadChange{{{"rope_scaling", {{"type", "yarn"}}}}, "RoPE scaling \"yarn\" is not supported"},
                      BadChange{{{"rope_parameters", {{"rope_type", "llama3"}}}}, "\"llama3\" is not supported"},
                      BadChange{{{"rope_scaling", 3}}, "\"rope_scaling\" must be an object"},
                      BadChange{{{"use_sliding_window", true}}, "use_sliding_window: true is not supported"},
                      BadChange{{{"layer_types", {"sliding_attention"}}}, "\"sliding_attention\" is not supported"},
                      BadChange{{{"quantization_config", {{"bits", 4}}}}, "quantized weights are not supported"},
                      BadChange{{{"dtype", "int8"}}, "dtype \"int8\" is not supported"}));

}  // namespace
}  // namespace maspo
