// How long the hostile responses of the tests and many random ones take, in CPU time, and by how much they are over
// their deadline: in this process, in a worker process, and in one that is killed; and the memory of the largest
// worker.
//
//   deadline_overrun [RANDOM_RESPONSES] [SEED]
//
// Exits with 1 when an answer is more than kAllowed over its deadline.
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "reward_server/worker/worker_main.h"
#include "reward_server/worker/worker_process.h"
#include "tests/reward_server/verification/hostile_responses.h"
#include "tests/support/process_memory.h"
#include "tests/support/spinning_worker.h"

namespace maspo {
namespace {

constexpr absl::Duration kAllowed = absl::Milliseconds(5);

absl::Duration TimeOf(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return absl::DurationFromTimespec(time);
}

// All the CPU time of the child processes that have ended.
absl::Duration TimeOfChildren() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  return absl::DurationFromTimeval(usage.ru_utime) + absl::DurationFromTimeval(usage.ru_stime);
}

class Times {
 public:
  Times(std::string name, absl::Duration deadline) : name_(std::move(name)), deadline_(deadline) {}

  void Add(absl::Duration time, const std::string& response) {
    times_.push_back(time);
    if (time <= longest_) return;
    longest_ = time;
    slowest_ = response.substr(0, 50);
  }

  // Prints a line; whether no answer was too late.
  bool Report() {
    std::sort(times_.begin(), times_.end());
    const auto ms = [](absl::Duration time) { return absl::ToDoubleMilliseconds(time); };
    const auto at = [&](double share) { return ms(times_[static_cast<size_t>(share * (times_.size() - 1))]); };
    const auto late = std::count_if(times_.begin(), times_.end(), [&](absl::Duration t) { return t > deadline_; });
    std::printf(
        "%-22s%8zu answers, ms: median %.3f, 99%% %.3f, 99.9%% %.3f, longest %.3f; deadline %.2f, %td over it, by %.3f "
        "at most\n",
        name_.c_str(), times_.size(), at(0.5), at(0.99), at(0.999), ms(longest_), ms(deadline_), late,
        std::max(0.0, ms(longest_ - deadline_)));
    for (char& c : slowest_) c = c >= ' ' && c <= '~' ? c : '?';
    std::printf("%-22s slowest: %s\n", "", slowest_.c_str());
    return longest_ <= deadline_ + kAllowed;
  }

 private:
  const std::string name_;
  const absl::Duration deadline_;
  std::vector<absl::Duration> times_;
  absl::Duration longest_ = absl::ZeroDuration();
  std::string slowest_;
};

bool RunHere(const std::vector<v1::VerifyItem>& items, absl::Duration deadline, const std::string& rules) {
  const auto verifier = MakeVerifier({.answer_deadline = deadline, .rule_sets = {rules}});
  Times times(rules, deadline);
  for (const v1::VerifyItem& item : items) {
    const absl::Duration start = TimeOf(CLOCK_THREAD_CPUTIME_ID);
    verifier->Verify(item);
    times.Add(TimeOf(CLOCK_THREAD_CPUTIME_ID) - start, item.response());
  }
  return times.Report();
}

int64_t largest_worker = 0;  // Bytes.

bool RunInWorkers(const std::vector<v1::VerifyItem>& items, absl::Duration deadline, const std::string& name) {
  WorkerProcess::Options options{.program = "/proc/self/exe", .reward = {}};
  options.reward.set_answer_deadline_ms(absl::ToDoubleMilliseconds(deadline));
  Times times(name, deadline);
  std::unique_ptr<WorkerProcess> worker;
  int lost = 0;
  for (v1::VerifyItem item : items) {
    for (std::string* text : {item.mutable_gold_answer(), item.mutable_response()}) {  // Messages are UTF-8.
      for (char& c : *text) c = static_cast<unsigned char>(c) < 0x80 ? c : '?';
    }
    clockid_t clock;
    if (!worker) {
      worker = WorkerProcess::Start(options).value();
      worker->Verify(MakeItem("1", "1")).IgnoreError();  // Now it has started.
    }
    MASPO_CHECK(clock_getcpuclockid(worker->pid(), &clock) == 0);
    const absl::Duration start = TimeOf(clock), children = TimeOfChildren();
    const bool answered = worker->Verify(item).ok();
    largest_worker = std::max(largest_worker, PeakMemoryBytes(worker->pid()));
    if (answered) {
      times.Add(TimeOf(clock) - start, item.response());
      continue;
    }
    ++lost;
    worker.reset();
    times.Add(TimeOfChildren() - children - start, item.response());
  }
  std::printf("%-22s%8d workers lost\n", name.c_str(), lost);
  return times.Report();
}

// Workers whose verifier does not come back.
constexpr char kSpins[] = "DEADLINE_OVERRUN_SPINS";

bool RunSpinningWorkers(int count, absl::Duration deadline) {
  setenv(kSpins, "1", /*overwrite=*/1);
  WorkerProcess::Options options{.program = "/proc/self/exe", .reward = {}};
  options.reward.set_answer_deadline_ms(absl::ToDoubleMilliseconds(deadline));
  Times times("worker, killed", deadline);
  for (int i = 0; i < count; ++i) {
    auto worker = WorkerProcess::Start(options).value();
    clockid_t clock;
    MASPO_CHECK(clock_getcpuclockid(worker->pid(), &clock) == 0);
    const absl::Duration start = TimeOf(clock), children = TimeOfChildren();
    MASPO_CHECK(absl::IsDeadlineExceeded(worker->Verify(MakeItem("1", "1")).status()));
    worker.reset();
    times.Add(TimeOfChildren() - children - start, "");
  }
  unsetenv(kSpins);
  return times.Report();
}

}  // namespace
}  // namespace maspo

int main(int argc, char** argv) {
  using namespace maspo;
  if (argc == 2 && std::string_view(argv[1]) == kWorkerFlag) {
    return std::getenv(kSpins) != nullptr ? SpinningWorkerMain() : WorkerMain();
  }
  std::mt19937_64 random(argc > 2 ? std::atoll(argv[2]) : 1);
  std::vector<v1::VerifyItem> items;
  for (const std::string gold : {"1", "x+1", "\\{1,2,3\\}", "(1,2)\\cup(3,4)"}) {
    for (const Hostile& hostile : HostileResponses()) items.push_back(MakeItem(gold, hostile.response));
  }
  for (int i = argc > 1 ? std::atoi(argv[1]) : 20000; i > 0; --i) {
    const size_t pieces = i % 20 == 0 ? 10000 : 100;
    items.push_back(MakeItem(RandomText(random, 20), RandomText(random, pieces) + Boxed(RandomText(random, pieces))));
  }
  const absl::Duration deadline = AnswerVerifier::Options().answer_deadline;
  bool in_time = RunHere(items, deadline, "default");
  in_time &= RunHere(items, deadline, "prime_math");
  in_time &= RunInWorkers(items, deadline, "worker");
  in_time &= RunSpinningWorkers(/*count=*/100, deadline);
  std::printf("largest worker        %8lld MiB\n", static_cast<long long>(largest_worker >> 20));
  return in_time ? 0 : 1;
}
