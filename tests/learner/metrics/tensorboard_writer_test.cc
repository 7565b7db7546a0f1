#include "learner/metrics/tensorboard_writer.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <limits>

#include "learner/metrics/tensorboard_event.pb.h"
#include "services/base/atomic_file.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

// CRC-32C bit by bit, from its polynomial.
uint32_t SlowCrc32c(const std::string& bytes) {
  uint32_t crc = 0xffffffffu;
  for (const unsigned char byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
  }
  return ~crc;
}

uint64_t Number(const std::string& bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

void ExpectMaskedCrc(const std::string& data, const std::string& stored) {
  const uint32_t unmasked = static_cast<uint32_t>(Number(stored)) - 0xa282ead8u;
  EXPECT_EQ(unmasked << 15 | unmasked >> 17, SlowCrc32c(data));
}

std::vector<tensorboard::Event> ReadEvents(const std::string& path) {
  const std::string text = *ReadFile(path);
  std::vector<tensorboard::Event> events;
  size_t at = 0;
  const auto take = [&](size_t n) { return text.substr(std::exchange(at, at + n), n); };
  while (at < text.size()) {
    const std::string length = take(8);
    ExpectMaskedCrc(length, take(4));
    const std::string data = take(Number(length));
    ExpectMaskedCrc(data, take(4));
    EXPECT_TRUE(events.emplace_back().ParseFromString(data));
  }
  EXPECT_EQ(at, text.size());
  return events;
}

TEST(TensorBoardWriterTest, WritesFramedScalarsAfterTheHeader) {
  EXPECT_EQ(SlowCrc32c("123456789"), 0xe3069283u) << "the check value of CRC-32C";
  TempDir dir;
  auto writer = TensorBoardWriter::Create(dir.File("tensorboard"), 5);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->Append({5, {{"reward/mean", 0.25}, {"bad", std::numeric_limits<double>::quiet_NaN()}}}).ok());
  const std::vector<tensorboard::Event> events = ReadEvents(writer->path());
  ASSERT_EQ(events.size(), 3);
  EXPECT_EQ(events[0].file_version(), "brain.Event:2");
  EXPECT_EQ(events[1].session_log().status(), tensorboard::SessionLog::START);
  EXPECT_EQ(events[1].step(), 5);
  EXPECT_EQ(events[2].step(), 5);
  ASSERT_EQ(events[2].summary().value_size(), 1);
  EXPECT_EQ(events[2].summary().value(0).tag(), "reward/mean");
  EXPECT_EQ(events[2].summary().value(0).simple_value(), 0.25f);
  EXPECT_NE(std::filesystem::path(writer->path()).filename().string().find("tfevents"), std::string::npos);
}

TEST(TensorBoardWriterTest, AZeroIsThere) {
  TempDir dir;
  auto writer = TensorBoardWriter::Create(dir.File("tensorboard"), 1);
  ASSERT_TRUE(writer->Append({1, {{"reward/mean", 0.0}, {"optim/skipped_updates", -0.0}}}).ok());
  const std::vector<tensorboard::Event> events = ReadEvents(writer->path());
  ASSERT_EQ(events.back().summary().value_size(), 2);
  for (const auto& value : events.back().summary().value()) EXPECT_TRUE(value.has_simple_value()) << value.tag();
}

TEST(TensorBoardWriterTest, APlaceThatCannotBeWrittenIsNamed) {
  TempDir dir;
  const std::string file = dir.Write("file", "");
  const auto writer = TensorBoardWriter::Create(file + "/tensorboard", 1);
  ASSERT_FALSE(writer.ok());
  EXPECT_NE(writer.status().message().find("file/tensorboard"), absl::string_view::npos);
}

}  // namespace
}  // namespace maspo
