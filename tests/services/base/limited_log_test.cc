#include "services/base/limited_log.h"

#include <gtest/gtest.h>

#include "tests/support/captured_log.h"

namespace maspo {
namespace {

TEST(LimitedLogTest, TheFirstLinesAreWrittenThenOneAnIntervalWithTheNumberLeftOut) {
  absl::Time now = absl::UnixEpoch();
  LimitedLog log({.burst = 3, .interval = absl::Seconds(60), .now = [&now] { return now; }});
  CapturedLog captured;
  for (int i = 0; i < 1000; ++i) log.Warn("group g{} goes back", i);
  EXPECT_EQ(captured.Count("goes back"), 3) << captured.text();
  EXPECT_EQ(captured.Count("left out"), 0);

  now += absl::Seconds(61);
  for (int i = 1000; i < 2000; ++i) log.Warn("group g{} goes back", i);
  EXPECT_EQ(captured.Count("goes back"), 4);
  EXPECT_EQ(captured.Count("group g1000 goes back (and 997 more lines like this one, which are left out)"), 1)
      << captured.text();

  now += absl::Seconds(61);
  log.Warn("group g{} goes back", 2000);
  EXPECT_EQ(captured.Count("(and 999 more"), 1) << captured.text();
}

TEST(LimitedLogTest, QuietTimeEarnsTheLinesBack) {
  absl::Time now = absl::UnixEpoch();
  LimitedLog log({.burst = 3, .interval = absl::Seconds(60), .now = [&now] { return now; }});
  CapturedLog captured;
  for (int i = 0; i < 10; ++i) log.Warn("again");
  now += absl::Hours(1);
  for (int i = 0; i < 10; ++i) log.Warn("again");
  EXPECT_EQ(captured.Count("again"), 6);
}

}  // namespace
}  // namespace maspo
