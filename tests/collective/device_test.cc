#include "collective/device.h"

#include <gtest/gtest.h>

#include "collective/collective.h"
#include "tests/support/gpu.h"

namespace maspo {
namespace {

TEST(DeviceTest, CpuNeedsNothing) { EXPECT_TRUE(LoadDevice("cpu").ok()); }

TEST(DeviceTest, OtherDevicesAreRefused) {
  for (const char* name : {"meta", "nonsense", "", "cuda:", "cuda:-1", "cuda:128", "cpu:0"}) {
    EXPECT_EQ(LoadDevice(name).status().code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

TEST(DeviceTest, CudaWithoutADriverSaysSo) {
  if (HasGpu()) GTEST_SKIP() << "this machine has a NVIDIA driver";
  const absl::Status status = LoadDevice("cuda:0").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("no NVIDIA driver"), absl::string_view::npos) << status;
  EXPECT_EQ(LoadedCudaLibrary(), nullptr);
}

TEST(DeviceTest, CollectivesOnCudaWithoutTheLibraryAreRefused) {
  if (HasGpu()) GTEST_SKIP() << "this machine has a NVIDIA driver";
  const auto backend = MakeBackend(torch::Device("cuda:0"), nullptr, 0, 1, absl::Seconds(1), "");
  EXPECT_EQ(backend.status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace maspo
