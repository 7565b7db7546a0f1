#include "learner/fatal_cause.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace maspo {
namespace {

TEST(FatalCauseTest, TheFirstCauseWins) {
  FatalCause fatal;
  EXPECT_TRUE(fatal.Get().ok());
  fatal.Report(absl::UnavailableError("the disk is full"));
  fatal.Report(absl::FailedPreconditionError("what came of it"));
  EXPECT_EQ(fatal.Get(), absl::UnavailableError("the disk is full"));
}

TEST(FatalCauseTest, OfManyAtOnceOneIsKept) {
  FatalCause fatal;
  std::vector<std::thread> parts;
  for (int i = 0; i < 4; ++i) parts.emplace_back([&fatal] { fatal.Report(absl::AbortedError("a cause")); });
  for (std::thread& part : parts) part.join();
  EXPECT_EQ(fatal.Get(), absl::AbortedError("a cause"));
}

}  // namespace
}  // namespace maspo
