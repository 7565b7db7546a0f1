#include "model/hugging_face.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/safetensors.h"
#include "tests/model/held_weights.h"
#include "tests/model/tiny_model.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class HuggingFaceTest : public ::testing::Test {
 protected:
  HuggingFaceTest() {
    temp_.Write("source/config.json", R"({"model_type": "qwen2", "torch_dtype": "bfloat16", "unknown_field": 1})");
    temp_.Write("source/tokenizer.json", "{}");
    temp_.Write("source/chat_template.jinja", "{{ messages }}");
    temp_.Write("source/model.safetensors", "not copied");
  }

  absl::Status Save(const ParameterSet& parameters, int64_t max_shard_bytes = 1 << 30) const {
    return SaveModel(temp_.File("out"), temp_.File("source"), config_, parameters, max_shard_bytes);
  }
  absl::StatusOr<std::shared_ptr<ParameterSet>> Load(torch::Dtype dtype = torch::kFloat32) const {
    return LoadWeights(temp_.File("out"), config_, torch::kCPU, dtype);
  }
  std::string Text(const std::string& name) const {
    std::ifstream in(temp_.File(name), std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(in)), {});
  }
  // Rewrites the saved weights with some tensors changed or taken away.
  void Rewrite(const std::function<void(std::map<std::string, torch::Tensor>&)>& change) const {
    const std::string path = temp_.File("out/model.safetensors");
    std::map<std::string, torch::Tensor> tensors;
    {
      const auto file = SafetensorsFile::Open(path);
      for (const auto& [name, entry] : file->entries()) tensors[name] = file->Read(entry).clone();
    }
    change(tensors);
    ASSERT_TRUE(WriteSafetensors(path, {tensors.begin(), tensors.end()}).ok());
  }

  const TempDir temp_;
  const ModelConfig config_ = TinyConfig(/*tied=*/false);
  const std::shared_ptr<ParameterSet> parameters_ = RandomParameters(config_);
};

TEST_F(HuggingFaceTest, SavedWeightsLoadBackWithTheSameDigest) {
  ASSERT_TRUE(Save(*parameters_).ok());
  const auto loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(DigestsOf(**loaded), DigestsOf(*parameters_));
}

TEST_F(HuggingFaceTest, ShardsLoadBackWithTheSameDigest) {
  ASSERT_TRUE(Save(*parameters_, /*max_shard_bytes=*/5000).ok());
  EXPECT_FALSE(fs::exists(temp_.File("out/model.safetensors")));
  EXPECT_TRUE(fs::exists(temp_.File("out/model.safetensors.index.json")));
  EXPECT_GT(std::distance(fs::directory_iterator(temp_.File("out")), {}), 8);
  const auto loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(DigestsOf(**loaded), DigestsOf(*parameters_));
}

TEST_F(HuggingFaceTest, WeightsAreConvertedToTheDtypeAskedFor) {
  ASSERT_TRUE(Save(*parameters_).ok());
  const auto loaded = Load(torch::kBFloat16);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(torch::equal((*loaded)->at("norm.weight"), parameters_->at("norm.weight").to(torch::kBFloat16)));
}

TEST_F(HuggingFaceTest, SavingCopiesTokenizerAndTemplateAndCorrectsTheDtype) {
  ASSERT_TRUE(Save(*parameters_).ok());
  EXPECT_EQ(Text("out/tokenizer.json"), "{}");
  EXPECT_EQ(Text("out/chat_template.jinja"), "{{ messages }}");
  const auto config = nlohmann::json::parse(Text("out/config.json"));
  EXPECT_EQ(config["torch_dtype"], "float32");
  EXPECT_EQ(config["unknown_field"], 1);
  EXPECT_FALSE(fs::exists(temp_.File("out.partial")));
}

TEST_F(HuggingFaceTest, AnExistingFolderIsNotTouched) {
  temp_.Write("out/mine.txt", "mine");
  EXPECT_TRUE(absl::IsAlreadyExists(Save(*parameters_)));
  EXPECT_EQ(std::distance(fs::directory_iterator(temp_.File("out")), {}), 1);
}

TEST_F(HuggingFaceTest, AFailedSaveLeavesNothing) {
  fs::remove(temp_.File("source/config.json"));
  EXPECT_TRUE(absl::IsNotFound(Save(*parameters_)));
  EXPECT_FALSE(fs::exists(temp_.File("out")));
  EXPECT_FALSE(fs::exists(temp_.File("out.partial")));
}

TEST_F(HuggingFaceTest, AFolderWithoutWeightsIsNotFound) {
  temp_.Write("out/config.json", "{}");
  EXPECT_TRUE(absl::IsNotFound(Load().status()));
}

TEST_F(HuggingFaceTest, AMissingTensorIsNamed) {
  ASSERT_TRUE(Save(*parameters_).ok());
  Rewrite([](auto& tensors) { tensors.erase("model.layers.1.self_attn.k_proj.bias"); });
  const auto loaded = Load();
  EXPECT_TRUE(absl::IsInvalidArgument(loaded.status()));
  EXPECT_THAT(loaded.status().message(), HasSubstr("\"model.layers.1.self_attn.k_proj.bias\" is missing"));
}

TEST_F(HuggingFaceTest, ATensorOfAnotherShapeIsNamedWithBothShapes) {
  ASSERT_TRUE(Save(*parameters_).ok());
  Rewrite([](auto& tensors) { tensors["model.norm.weight"] = torch::zeros({23}); });
  EXPECT_THAT(Load().status().message(), HasSubstr("\"model.norm.weight\" has shape [23], config.json needs [24]"));
}

TEST_F(HuggingFaceTest, ATensorThatIsNotFiniteIsNamed) {
  ASSERT_TRUE(Save(*parameters_).ok());
  ASSERT_TRUE(CheckWeights(temp_.File("out"), config_).ok());
  for (const double value : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    Rewrite([value](auto& tensors) { tensors["model.norm.weight"][0] = value; });
    for (const absl::Status& status : {Load().status(), CheckWeights(temp_.File("out"), config_)}) {
      EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
      EXPECT_THAT(std::string(status.message()),
                  HasSubstr("tensor \"model.norm.weight\" has values that are not finite"));
    }
  }
}

TEST_F(HuggingFaceTest, AnUnexpectedTensorIsNamed) {
  ASSERT_TRUE(Save(*parameters_).ok());
  Rewrite([](auto& tensors) { tensors["model.layers.0.self_attn.q_norm.weight"] = torch::zeros({4}); });
  EXPECT_THAT(Load().status().message(),
              HasSubstr("\"model.layers.0.self_attn.q_norm.weight\" is not part of the model"));
}

TEST_F(HuggingFaceTest, AnIndexThatLeavesTheFolderIsRefused) {
  temp_.Write("out/model.safetensors.index.json", R"({"weight_map": {"a": "../source/model.safetensors"}})");
  EXPECT_THAT(Load().status().message(), HasSubstr("must name a file of this folder"));
}

TEST_F(HuggingFaceTest, AMissingShardIsNotFound) {
  ASSERT_TRUE(Save(*parameters_, /*max_shard_bytes=*/5000).ok());
  fs::remove(temp_.File("out/model-00002-of-00010.safetensors"));
  for (const auto& entry : fs::directory_iterator(temp_.File("out"))) {
    if (entry.path().filename().string().starts_with("model-00002")) fs::remove(entry.path());
  }
  EXPECT_TRUE(absl::IsNotFound(Load().status())) << Load().status();
}

TEST_F(HuggingFaceTest, TheModelDigestDependsOnConfigAndTokenizerOnly) {
  const auto first = ModelDigest(temp_.File("source"));
  ASSERT_TRUE(first.ok());
  temp_.Write("source/model.safetensors", "other weights");
  EXPECT_EQ(*ModelDigest(temp_.File("source")), *first);
  temp_.Write("source/tokenizer.json", "{ }");
  EXPECT_NE(*ModelDigest(temp_.File("source")), *first);
}

}  // namespace
}  // namespace maspo
