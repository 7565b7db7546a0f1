// The NCCL backend on a real GPU. With one GPU the group has one member: NCCL refuses two on the same device.
#include <gtest/gtest.h>

#include <thread>

#include "collective/collective.h"
#include "collective/device.h"
#include "tests/support/gpu.h"

namespace maspo {
namespace {

TEST(NcclTest, BroadcastReachesEveryGpu) {
  if (!HasGpu()) GTEST_SKIP() << kNoGpu;
  const auto first = LoadDevice("cuda:0");
  ASSERT_TRUE(first.ok()) << first.status();
  const int num_gpus = std::min(LoadedCudaLibrary()->num_devices(), 2);
  const auto server = ServeStore("127.0.0.1", 0);
  ASSERT_TRUE(server.ok()) << server.status();
  std::vector<std::thread> members;
  for (int rank = 0; rank < num_gpus; ++rank) {
    members.emplace_back([&, rank] {
      const torch::Device device(torch::kCUDA, rank);
      const auto store = ConnectStore("127.0.0.1", (*server)->getPort(), absl::Seconds(60));
      ASSERT_TRUE(store.ok()) << store.status();
      const auto backend = MakeBackend(device, *store, rank, num_gpus, absl::Seconds(60), "");
      ASSERT_TRUE(backend.ok()) << backend.status();
      torch::Tensor tensor = torch::full({1 << 20}, rank + 1.0f, device);
      ASSERT_TRUE(Broadcast(**backend, tensor, /*root=*/0).ok());
      EXPECT_EQ(tensor.sum().item<float>(), 1 << 20);
    });
  }
  for (std::thread& member : members) member.join();
}

}  // namespace
}  // namespace maspo
