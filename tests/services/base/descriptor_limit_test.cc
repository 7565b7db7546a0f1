#include "services/base/descriptor_limit.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/match.h"

namespace maspo {
namespace {

void SetLimit(rlim_t soft, rlim_t hard) {
  const rlimit limit{soft, hard};
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) std::_Exit(3);
}

rlim_t SoftLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

// In a process of its own, since a hard limit cannot be taken back.
class DescriptorLimitTest : public ::testing::Test {
 protected:
  DescriptorLimitTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

#define EXPECT_IN_CHILD(condition) EXPECT_EXIT(std::_Exit((condition) ? 7 : 1), ::testing::ExitedWithCode(7), "")

TEST_F(DescriptorLimitTest, TheSoftLimitIsRaisedToTheHardOne) {
  EXPECT_IN_CHILD((SetLimit(40, 200), ReserveDescriptors(64).ok() && SoftLimit() == 200));
}

TEST_F(DescriptorLimitTest, AHardLimitThatIsTooLowIsRefusedByName) {
  EXPECT_IN_CHILD((SetLimit(32, 32),
                   ReserveDescriptors(64) == absl::FailedPreconditionError(
                                                 "this process may open 32 files and sockets, and needs 64: raise the "
                                                 "limit with ulimit -n 64")));
}

TEST_F(DescriptorLimitTest, IsNamedByAnErrorThatSaysSo) {
  const absl::Status named = NameDescriptorLimit(absl::UnavailableError("cannot open x: Too many open files"));
  EXPECT_EQ(named.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(absl::StartsWith(named.message(), "too many open files; the limit is ")) << named;
  EXPECT_TRUE(absl::EndsWith(named.message(), ", raise it with ulimit -n (cannot open x: Too many open files)"))
      << named;
  EXPECT_EQ(NameDescriptorLimit(named), named) << "once is enough";
}

TEST_F(DescriptorLimitTest, IsNamedByAnyErrorWhenHardlyADescriptorIsLeft) {
  const absl::Status error = absl::UnavailableError("cannot resolve 127.0.0.1");
  EXPECT_EQ(NameDescriptorLimit(error), error);
  EXPECT_TRUE(NameDescriptorLimit(absl::OkStatus()).ok());
  const auto exhausted = [&] {
    SetLimit(32, 32);
    while (dup(0) >= 0) {
    }
    close(31);  // As a library does with what it got before it failed.
    return absl::StrContains(NameDescriptorLimit(error).message(), "the limit is 32, raise it with ulimit -n") &&
           NameDescriptorLimit(absl::OkStatus()).ok();
  };
  EXPECT_IN_CHILD(exhausted());
}

}  // namespace
}  // namespace maspo
