#include "collective/collective.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "services/base/steady_clock.h"

namespace maspo {
namespace {

constexpr char kLoopback[] = "127.0.0.1";

// Runs `body(store, rank)` for each rank in a thread of its own, each with its own connection to one store.
void RunMembers(int num_members, absl::Duration timeout,
                const std::function<void(const c10::intrusive_ptr<c10d::Store>&, int)>& body) {
  const auto server = ServeStore("127.0.0.1", 0);
  ASSERT_TRUE(server.ok()) << server.status();
  std::vector<std::thread> members;
  for (int rank = 0; rank < num_members; ++rank) {
    members.emplace_back([&, rank] {
      const auto store = ConnectStore(kLoopback, (*server)->getPort(), timeout);
      ASSERT_TRUE(store.ok()) << store.status();
      body(*store, rank);
    });
  }
  for (std::thread& member : members) member.join();
}

TEST(CollectiveTest, BroadcastReachesEveryMember) {
  std::vector<torch::Tensor> received(3);
  RunMembers(3, absl::Seconds(20), [&](const auto& store, int rank) {
    const auto backend = MakeBackend(torch::kCPU, store, rank, 3, absl::Seconds(20), kLoopback);
    ASSERT_TRUE(backend.ok()) << backend.status();
    received[rank] = rank == 1 ? torch::arange(1000, torch::kFloat) : torch::zeros({1000});
    EXPECT_TRUE(Broadcast(**backend, received[rank], /*root=*/1).ok());
  });
  for (const torch::Tensor& tensor : received) EXPECT_TRUE(torch::equal(tensor, torch::arange(1000, torch::kFloat)));
}

TEST(CollectiveTest, BroadcastKeepsEveryBitOfBfloat16) {
  const torch::Tensor bits = torch::arange(-32768, 32768, torch::kShort);
  std::vector<torch::Tensor> received(2);
  RunMembers(2, absl::Seconds(20), [&](const auto& store, int rank) {
    const auto backend = MakeBackend(torch::kCPU, store, rank, 2, absl::Seconds(20), kLoopback);
    ASSERT_TRUE(backend.ok()) << backend.status();
    received[rank] = (rank == 0 ? bits.clone() : torch::zeros_like(bits)).view(torch::kBFloat16);
    EXPECT_TRUE(Broadcast(**backend, received[rank], /*root=*/0).ok());
  });
  EXPECT_TRUE(torch::equal(received[1].view(torch::kShort), bits));
}

TEST(CollectiveTest, GroupsInOneStoreAreKeptApartByTheirPrefix) {
  std::vector<torch::Tensor> received(4);
  RunMembers(4, absl::Seconds(20), [&](const auto& store, int member) {
    const int group = member / 2, rank = member % 2;
    auto prefixed = c10::make_intrusive<c10d::PrefixStore>(std::to_string(group), store);
    const auto backend = MakeBackend(torch::kCPU, prefixed, rank, 2, absl::Seconds(20), kLoopback);
    ASSERT_TRUE(backend.ok()) << backend.status();
    received[member] = torch::full({8}, member);
    EXPECT_TRUE(Broadcast(**backend, received[member], /*root=*/0).ok());
  });
  EXPECT_EQ(received[1][0].item<int>(), 0);
  EXPECT_EQ(received[3][0].item<int>(), 2);
}

TEST(CollectiveTest, AMemberThatNeverComesEndsTheMeetingAtItsDeadline) {
  RunMembers(2, absl::Seconds(1), [](const auto& store, int rank) {
    const absl::Time start = SteadyNow();
    const auto backend = MakeBackend(torch::kCPU, store, rank, 3, absl::Seconds(1), kLoopback);
    EXPECT_EQ(backend.status().code(), absl::StatusCode::kUnavailable) << backend.status();
    EXPECT_LT(SteadyNow() - start, absl::Seconds(10));
  });
}

TEST(CollectiveTest, AMemberThatDiesAfterTheMeetingFailsTheBroadcast) {
  RunMembers(3, absl::Seconds(2), [](const auto& store, int rank) {
    const absl::Time start = SteadyNow();
    auto backend = MakeBackend(torch::kCPU, store, rank, 3, absl::Seconds(2), kLoopback);
    ASSERT_TRUE(backend.ok()) << backend.status();
    if (rank == 0) {
      backend->reset();  // The root is gone without a word.
      return;
    }
    const absl::Status status = Broadcast(**backend, torch::zeros({4096}), /*root=*/0);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_LT(SteadyNow() - start, absl::Seconds(10));
  });
}

TEST(CollectiveTest, AStoreThatIsNotThereIsNamed) {
  const auto store = ConnectStore(kLoopback, 1, absl::Seconds(1));
  EXPECT_EQ(store.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(store.status().message().find("127.0.0.1:1"), absl::string_view::npos) << store.status();
}

}  // namespace
}  // namespace maspo
