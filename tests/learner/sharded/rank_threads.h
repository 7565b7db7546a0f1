#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "collective/collective.h"
#include "collective/ranks.h"

namespace maspo {

// Runs `body` once for each of `size` ranks, as threads of this process that meet over loopback.
inline void RunRanks(int size, const std::function<void(std::unique_ptr<Ranks>)>& body,
                     absl::Duration timeout = absl::Minutes(2)) {
  if (size == 1) return body(Ranks::Alone());
  const auto served = ServeStore("127.0.0.1", 0);
  ASSERT_TRUE(served.ok()) << served.status();
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      torch::set_num_threads(1);
      const auto store = ConnectStore("127.0.0.1", (*served)->getPort(), timeout);
      ASSERT_TRUE(store.ok()) << store.status();
      auto ranks = Ranks::Meet({.rank = rank, .size = size, .timeout = timeout}, *store);
      ASSERT_TRUE(ranks.ok()) << ranks.status();
      body(*std::move(ranks));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace maspo
