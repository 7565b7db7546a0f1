#include "services/base/machine_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

class ControlGroupTest : public testing::Test {
 protected:
  ControlGroupTest() { std::filesystem::create_directories(mount_.File("slice/job")); }
  TempDir mount_;
};

TEST_F(ControlGroupTest, TheLeastLimitOnTheWayUpCounts) {
  mount_.Write("slice/job/memory.max", "max\n");
  mount_.Write("slice/memory.max", "4096\n");
  mount_.Write("memory.max", "8192\n");
  EXPECT_EQ(ControlGroupLimit("0::/slice/job\n", mount_.path()), 4096);
  EXPECT_EQ(ControlGroupLimit("0::/\n", mount_.path()), 8192);
}

TEST_F(ControlGroupTest, NoLimitIsNone) {
  mount_.Write("slice/memory.max", "max\n");
  EXPECT_EQ(ControlGroupLimit("0::/slice\n", mount_.path()), std::nullopt);
  EXPECT_EQ(ControlGroupLimit("5:memory:/slice\n", mount_.path()), std::nullopt);
  EXPECT_EQ(ControlGroupLimit("", mount_.path()), std::nullopt);
}

TEST(MachineMemoryTest, IsNoMoreThanTheMachineHas) {
  const double pages = static_cast<double>(sysconf(_SC_PHYS_PAGES));
  EXPECT_GT(MachineMemory(), 0);
  EXPECT_LE(MachineMemory(), pages * static_cast<double>(sysconf(_SC_PAGESIZE)));
}

}  // namespace
}  // namespace maspo
