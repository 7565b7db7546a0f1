#include "collective/device.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "collective/collective.h"

namespace maspo {
namespace {

bool HasDriver() { return std::filesystem::exists("/dev/nvidiactl"); }

TEST(DeviceTest, CpuNeedsNothing) { EXPECT_TRUE(LoadDevice(torch::kCPU).ok()); }

TEST(DeviceTest, OtherDevicesAreRefused) {
  EXPECT_EQ(LoadDevice(torch::Device("meta")).code(), absl::StatusCode::kInvalidArgument);
}

TEST(DeviceTest, CudaWithoutADriverSaysSo) {
  if (HasDriver()) GTEST_SKIP() << "this machine has a NVIDIA driver";
  const absl::Status status = LoadDevice(torch::Device("cuda:0"));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("no NVIDIA driver"), absl::string_view::npos) << status;
  EXPECT_EQ(LoadedCudaLibrary(), nullptr);
}

TEST(DeviceTest, CollectivesOnCudaWithoutTheLibraryAreRefused) {
  if (HasDriver()) GTEST_SKIP() << "this machine has a NVIDIA driver";
  const auto backend = MakeBackend(torch::Device("cuda:0"), nullptr, 0, 1, absl::Seconds(1), "");
  EXPECT_EQ(backend.status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace maspo
