#include "services/base/atomic_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

using ::testing::HasSubstr;

TEST(AtomicFileTest, NothingAppearsBeforeCommit) {
  TempDir dir;
  auto file = AtomicFile::Create(dir.File("a.txt"));
  ASSERT_TRUE(file.ok());
  file->stream() << "content" << std::flush;
  EXPECT_FALSE(std::filesystem::exists(dir.File("a.txt")));
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(ReadFile(dir.File("a.txt")).value(), "content");
  EXPECT_FALSE(std::filesystem::exists(dir.File("a.txt.partial")));
}

TEST(AtomicFileTest, AbandonedFileLeavesTheOldOneAndNoPartial) {
  TempDir dir;
  dir.Write("a.txt", "old");
  {
    auto file = AtomicFile::Create(dir.File("a.txt"));
    ASSERT_TRUE(file.ok());
    file->stream() << "new";
  }
  EXPECT_EQ(ReadFile(dir.File("a.txt")).value(), "old");
  EXPECT_FALSE(std::filesystem::exists(dir.File("a.txt.partial")));
}

TEST(AtomicFileTest, FullDiskIsAnErrorAndLeavesTheOldFile) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  TempDir dir;
  dir.Write("a.txt", "old");
  std::filesystem::create_symlink("/dev/full", dir.File("a.txt.partial"));
  const absl::Status status = WriteFileAtomically(dir.File("a.txt"), std::string(100000, 'x'));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(ReadFile(dir.File("a.txt")).value(), "old");
}

TEST(AtomicFileTest, ErrorsNameThePath) {
  TempDir dir;
  const absl::Status status = WriteFileAtomically(dir.File("absent/a.txt"), "x");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("absent/a.txt"));
  const absl::Status missing = ReadFile(dir.File("b.txt")).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("b.txt"));
  EXPECT_FALSE(ReadFile(dir.path()).ok());
}

TEST(AtomicFileTest, BinaryContentSurvives) {
  TempDir dir;
  const std::string content("a\0\r\n\xff", 5);
  ASSERT_TRUE(WriteFileAtomically(dir.File("a.bin"), content).ok());
  EXPECT_EQ(ReadFile(dir.File("a.bin")).value(), content);
}

TEST(CommitFolderTest, GivesAFolderItsName) {
  TempDir dir;
  dir.Write("a.partial/deep/b.txt", "b");
  ASSERT_TRUE(CommitFolder(dir.File("a.partial"), dir.File("a")).ok());
  EXPECT_EQ(*ReadFile(dir.File("a/deep/b.txt")), "b");
  EXPECT_FALSE(std::filesystem::exists(dir.File("a.partial")));
  EXPECT_TRUE(absl::IsNotFound(CommitFolder(dir.File("nowhere"), dir.File("b"))));
}

}  // namespace
}  // namespace maspo
