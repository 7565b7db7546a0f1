// Times a reward server over gRPC, on groups of responses as rollout workers send them: requests a second and how long
// one takes, with and without the cache of repeated pairs. `make bench-server` is the same.
//
//   bench_server INPUT [GROUP_SIZE [THREADS]]      JSON Lines of {gold, response}, GROUP_SIZE (16) lines to a request
//
// Each row is one pass over the file, by a server of its own with THREADS (1) worker processes: no pair is known
// before.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "services/base/jsonl.h"
#include "services/base/steady_clock.h"
#include "services/reward/reward_client.h"
#include "tests/reward_server/server_process.h"

namespace maspo {
namespace {

using Clock = std::chrono::steady_clock;
using Group = std::vector<v1::VerifyItem>;

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

absl::StatusOr<std::vector<Group>> ReadGroups(const std::string& path, size_t group_size) {
  MASPO_ASSIGN_OR_RETURN(JsonlReader reader, JsonlReader::Open(path));
  std::vector<Group> groups;
  nlohmann::json row;
  while (true) {
    MASPO_ASSIGN_OR_RETURN(const bool more, reader.Next(row));
    if (!more) return groups;
    if (groups.empty() || groups.back().size() == group_size) groups.emplace_back();
    v1::VerifyItem& item = groups.back().emplace_back();
    item.set_id(absl::StrCat(groups.back().size()));
    item.set_gold_answer(row["gold"].get<std::string>());
    item.set_response(row["response"].get<std::string>());
  }
}

struct Pass {
  std::vector<double> request_seconds;  // Sorted.
  double seconds = 0;
  size_t answers = 0, hits = 0;
  size_t failures = 0;  // Answers that were not judged, and requests without an answer.
};

// `clients` callers take the next group each, until none is left.
Pass RunPass(const std::vector<Group>& groups, const std::string& endpoint, int clients) {
  Pass pass;
  absl::Mutex mutex;
  std::atomic<size_t> next{0};
  std::vector<std::thread> callers;
  const auto start = Clock::now();
  for (int c = 0; c < clients; ++c) {
    callers.emplace_back([&] {
      const auto client = RewardClient::Create({.endpoints = {endpoint}, .network = {}});
      MASPO_CHECK(client.ok());
      for (size_t i = next++; i < groups.size(); i = next++) {
        const auto begin = Clock::now();
        const auto answers = (*client)->Score(groups[i], SteadyNow() + absl::Minutes(1));
        const double took = Seconds(Clock::now() - begin);
        absl::MutexLock lock(&mutex);
        pass.request_seconds.push_back(took);
        if (!answers.ok()) {
          ++pass.failures;
          continue;
        }
        pass.answers += answers->size();
        for (const v1::VerifiedAnswer& answer : *answers) {
          pass.hits += answer.cache() == v1::CACHE_LOOKUP_HIT;
          pass.failures += answer.verdict() == v1::VERDICT_TIMEOUT || answer.verdict() == v1::VERDICT_CRASHED;
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  pass.seconds = Seconds(Clock::now() - start);
  std::sort(pass.request_seconds.begin(), pass.request_seconds.end());
  return pass;
}

void PrintPass(const Pass& pass, bool cache, int clients) {
  const auto requests = static_cast<double>(pass.request_seconds.size());
  const auto quantile_ms = [&](double share) {
    return 1e3 * pass.request_seconds[static_cast<size_t>(share * (requests - 1))];
  };
  const double hits = static_cast<double>(pass.hits) / static_cast<double>(std::max<size_t>(pass.answers, 1));
  std::printf("%6s%9d%12.0f%12.0f%9.2f%9.2f%6.0f%%%10zu\n", cache ? "on" : "off", clients, requests / pass.seconds,
              static_cast<double>(pass.answers) / pass.seconds, quantile_ms(.5), quantile_ms(.99), 100 * hits,
              pass.failures);
}

absl::Status Run(const std::string& path, size_t group_size, int threads) {
  MASPO_ASSIGN_OR_RETURN(const std::vector<Group> groups, ReadGroups(path, group_size));
  if (groups.empty()) return absl::InvalidArgumentError(path + " is empty");
  std::printf("%zu requests of %zu answers, worker processes: %d\n", groups.size(), group_size, threads);
  std::printf("%6s%9s%12s%12s%9s%9s%7s%10s\n", "cache", "clients", "requests/s", "answers/s", "p50 ms", "p99 ms",
              "hits", "failures");
  for (const int clients : {1, 8, 64}) {
    for (const bool cache : {false, true}) {
      const TempDir dir;
      const Replica server(
          dir, 0, WriteServerConfig(dir, absl::StrCat("{threads: ", threads, ", cache_mib: ", cache ? 8 : 0, "}")));
      PrintPass(RunPass(groups, server.endpoint(), clients), cache, clients);
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace maspo

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_server INPUT [GROUP_SIZE [THREADS]]\n");
    return 2;
  }
  const size_t group_size = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 16;
  const absl::Status status = maspo::Run(argv[1], std::max<size_t>(group_size, 1), argc > 3 ? std::atoi(argv[3]) : 1);
  if (!status.ok()) std::fprintf(stderr, "bench_server: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
