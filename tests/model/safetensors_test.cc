#include "model/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

using ::testing::HasSubstr;

// A file with the given header text and number of data bytes.
std::string FileText(const std::string& header, size_t data_bytes) {
  const uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), 8) + header + std::string(data_bytes, '\0');
}

std::string Tensor(const std::string& name, const std::string& rest) { return "\"" + name + "\":{" + rest + "}"; }

TEST(SafetensorsTest, WrittenTensorsReadBackBitForBit) {
  const TempDir folder;
  const std::string path = folder.File("x.safetensors");
  const torch::Tensor a = torch::randn({3, 5}), b = torch::randn({7}).to(torch::kBFloat16),
                      c = torch::randn({2, 0}).to(torch::kFloat16), d = torch::randn({}).to(torch::kFloat32);
  ASSERT_TRUE(WriteSafetensors(path, {{"b", b}, {"a", a}, {"c", c}, {"d", d}}).ok());
  const auto file = SafetensorsFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->entries().size(), 4u);
  for (const auto& [name, written] : {std::pair{"a", a}, {"b", b}, {"c", c}, {"d", d}}) {
    const torch::Tensor read = file->Read(file->entries().at(name));
    EXPECT_EQ(read.scalar_type(), written.scalar_type()) << name;
    EXPECT_TRUE(torch::equal(read, written)) << name;
  }
}

TEST(SafetensorsTest, AMissingFileIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(SafetensorsFile::Open("/nonexistent/x.safetensors").status()));
}

TEST(SafetensorsTest, AFileCutAnywhereIsRefused) {
  const TempDir folder;
  const std::string path = folder.File("x.safetensors");
  ASSERT_TRUE(WriteSafetensors(path, {{"a", torch::randn({4})}, {"b", torch::randn({2, 2})}}).ok());
  std::ifstream in(path, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto file = SafetensorsFile::Open(folder.Write("cut.safetensors", whole.substr(0, size)));
    ASSERT_TRUE(absl::IsInvalidArgument(file.status())) << size;
    ASSERT_THAT(file.status().message(), HasSubstr("cut.safetensors"));
  }
}

TEST(SafetensorsTest, DataThatIsNotAlignedIsReadAnyway) {
  const TempDir folder;
  std::string text = FileText("{" + Tensor("a", R"("dtype":"F32","shape":[1],"data_offsets":[0,4])") + "}", 0);
  const float value = 1.5;
  text.append(reinterpret_cast<const char*>(&value), 4);
  ASSERT_NE((text.size() - 4) % 4, 0u);
  const auto file = SafetensorsFile::Open(folder.Write("x.safetensors", text));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->Read(file->entries().at("a")).item<float>(), 1.5f);
}

struct Corruption {
  std::string text;
  std::string message;
};

class CorruptSafetensorsTest : public ::testing::TestWithParam<Corruption> {};

TEST_P(CorruptSafetensorsTest, IsRefusedWithItsReason) {
  const TempDir folder;
  const auto file = SafetensorsFile::Open(folder.Write("bad.safetensors", GetParam().text));
  EXPECT_TRUE(absl::IsInvalidArgument(file.status())) << file.status();
  EXPECT_THAT(file.status().message(), HasSubstr(GetParam().message));
}

const char kSound[] = R"("dtype":"F32","shape":[2],"data_offsets":[0,8])";

INSTANTIATE_TEST_SUITE_P(
    Headers, CorruptSafetensorsTest,
    ::testing::Values(
        Corruption{"", "shorter than 8 bytes"}, Corruption{"1234567", "shorter than 8 bytes"},
        Corruption{std::string(8, '\xff') + "{}", "does not fit"}, Corruption{std::string(64, 'a'), "does not fit"},
        Corruption{FileText("", 0), "not a JSON object"}, Corruption{FileText("[1]", 0), "not a JSON object"},
        Corruption{FileText("{\"a\":", 0), "not a JSON object"},
        Corruption{FileText("{\"a\":3}", 0), "needs dtype, shape and data_offsets"},
        Corruption{FileText("{" + Tensor("a", R"("dtype":"F32","shape":[2])") + "}", 8), "needs dtype, shape"},
        Corruption{FileText("{" + Tensor("a", R"("dtype":"I64","shape":[1],"data_offsets":[0,8])") + "}", 8),
                   "dtype \"I64\" is not supported"},
        Corruption{FileText("{" + Tensor("a", R"("dtype":5,"shape":[1],"data_offsets":[0,8])") + "}", 8), "dtype 5"},
        Corruption{FileText("{" + Tensor("a", R"("dtype":"F32","shape":8,"data_offsets":[0,8])") + "}", 8),
                   "shape is not a list"},
        Corruption{FileText("{" + Tensor("a", R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])") + "}", 8),
                   "is not possible"},
        Corruption{FileText("{" +
                                Tensor("a", R"("dtype":"F32","shape":[4294967296,4294967296,4294967296],)"
                                            R"("data_offsets":[0,0])") +
                                "}",
                            0),
                   "is not possible"},
        Corruption{FileText("{" + Tensor("a", R"("dtype":"F32","shape":[2],"data_offsets":[0])") + "}", 8),
                   "must be two integers"},
        Corruption{FileText("{" + Tensor("a", R"("dtype":"F32","shape":[2],"data_offsets":[-8,0])") + "}", 8),
                   "must be two integers"},
        Corruption{FileText("{" + Tensor("a", R"("dtype":"F32","shape":[2],"data_offsets":[8,0])") + "}", 8),
                   "lie outside the file"},
        Corruption{FileText("{" + Tensor("a", kSound) + "}", 7), "lie outside the file"},
        Corruption{
            FileText("{" + Tensor("a", R"("dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615])") + "}",
                     8),
            "lie outside the file"},
        Corruption{FileText("{" + Tensor("a", R"("dtype":"F32","shape":[3],"data_offsets":[0,8])") + "}", 8),
                   "shape needs 12 bytes"},
        Corruption{FileText("{" + Tensor("a", kSound) + "," + Tensor("b", kSound) + "}", 8), "overlap"},
        Corruption{FileText("{" + Tensor("a", kSound) + "," +
                                Tensor("b", R"("dtype":"F32","shape":[1],"data_offsets":[12,16])") + "}",
                            16),
                   "leave a gap at byte"},
        Corruption{FileText("{" + Tensor("a", kSound) + "}", 9), "1 bytes behind the last tensor"}));

}  // namespace
}  // namespace maspo
