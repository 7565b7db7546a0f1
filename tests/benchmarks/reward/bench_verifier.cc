// Times AnswerVerifier on a JSON Lines file of {id, gold, response}; prints one line of JSON.
//
//   bench_verifier INPUT [SECONDS [CACHE_MIB]]      with a cache that is empty at the begin of each pass over the file
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "reward_server/verification/answer_verifier.h"
#include "services/base/jsonl.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// CPU time, so that it does not matter what else the machine does.
double Seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

absl::StatusOr<std::vector<v1::VerifyItem>> ReadItems(const std::string& path) {
  MASPO_ASSIGN_OR_RETURN(JsonlReader reader, JsonlReader::Open(path));
  std::vector<v1::VerifyItem> items;
  nlohmann::json row;
  while (true) {
    MASPO_ASSIGN_OR_RETURN(const bool more, reader.Next(row));
    if (!more) return items;
    v1::VerifyItem& item = items.emplace_back();
    item.set_gold_answer(row["gold"].get<std::string>());
    item.set_response(row["response"].get<std::string>());
  }
}

absl::Status Run(const std::string& path, double seconds, size_t cache_mib) {
  MASPO_ASSIGN_OR_RETURN(const std::vector<v1::VerifyItem> items, ReadItems(path));
  if (items.empty()) return absl::InvalidArgumentError(path + " is empty");
  std::vector<double> times;
  size_t hits = 0;
  const double start = Seconds();
  while (Seconds() - start < seconds) {
    MASPO_ASSIGN_OR_RETURN(const auto verifier, AnswerVerifier::Create({.cache_bytes = cache_mib << 20}));
    for (const v1::VerifyItem& item : items) {
      const double begin = Seconds();
      hits += verifier->Verify(item).cache() == v1::CACHE_LOOKUP_HIT;
      times.push_back(Seconds() - begin);
    }
  }
  double total = 0;
  for (const double time : times) total += time;
  std::sort(times.begin(), times.end());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("{\"per_second\": %.1f, \"median_us\": %.2f, \"p99_us\": %.2f, \"memory_mib\": %.1f, \"hits\": %.3f}\n",
              static_cast<double>(times.size()) / total, 1e6 * times[times.size() / 2],
              1e6 * times[times.size() * 99 / 100], static_cast<double>(usage.ru_maxrss) / 1024,
              static_cast<double>(hits) / static_cast<double>(times.size()));
  return absl::OkStatus();
}

}  // namespace
}  // namespace maspo

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_verifier INPUT [SECONDS [CACHE_MIB]]\n");
    return 2;
  }
  const absl::Status status =
      maspo::Run(argv[1], argc > 2 ? std::atof(argv[2]) : 5, argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 0);
  if (!status.ok()) std::fprintf(stderr, "bench_verifier: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
