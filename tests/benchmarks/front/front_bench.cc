// What the learner's front costs: one front and 250 workers without tensors, in a process of their own, over loopback.
//
//   front_bench [--workers 250] [--wait-seconds 20] [--load-seconds 20] [--groups-per-second 30] [--max-idle-cores X]
//
// First everybody waits: for a group, for weights. Then groups of 16 x 8,192 tokens, 1 MB each, come at a fixed rate.
// --max-idle-cores makes it fail when waiting costs more.
#include <fcntl.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"
#include "tests/benchmarks/front/front.h"
#include "tests/benchmarks/front/workers.h"
#include "tests/support/process_memory.h"

namespace maspo {
namespace {

struct Flags {
  WorkerOptions workers;
  uint64_t groups_per_step = 64;
  double wait_seconds = 20;
  double load_seconds = 20;
  double groups_per_second = 30;
  double max_idle_cores = 1e9;
};

// What this process has used so far.
struct Usage {
  absl::Time time = SteadyNow();
  double cpu_seconds = 0;
  double wake_ups = 0;  // Voluntary context switches: a thread waited, and was woken.

  static Usage Now() {
    rusage usage = {};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + time.tv_usec * 1e-6; };
    return {.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime),
            .wake_ups = static_cast<double>(usage.ru_nvcsw)};
  }
};

double CoresBetween(const Usage& before, const Usage& after) {
  return (after.cpu_seconds - before.cpu_seconds) / absl::ToDoubleSeconds(after.time - before.time);
}

void Print(const char* phase, const Usage& before, const Usage& after) {
  const double seconds = absl::ToDoubleSeconds(after.time - before.time);
  const auto threads =
      std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
  printf("%-8s %6.3f cores  %8.0f wake-ups a second  %4ld threads  %5.0f MB\n", phase, CoresBetween(before, after),
         (after.wake_ups - before.wake_ups) / seconds, static_cast<long>(threads),
         static_cast<double>(PeakMemoryBytes(getpid())) / 1e6);
}

void PrintQuantiles(const char* what, std::vector<double> seconds) {
  if (seconds.empty()) return;
  std::sort(seconds.begin(), seconds.end());
  const auto quantile = [&](double q) { return 1e3 * seconds[static_cast<size_t>(q * (seconds.size() - 1))]; };
  printf("%-8s %6zu  p50 %8.2f ms  p99 %8.2f ms  max %8.2f ms\n", what, seconds.size(), quantile(0.5), quantile(0.99),
         quantile(1));
}

// The process of the workers: this program again. It ends when its stdin does, at the latest with this process.
class WorkersProcess {
 public:
  WorkersProcess(const Flags& flags, const std::string& endpoint) {
    MASPO_CHECK(pipe2(stdin_, O_CLOEXEC) == 0 && pipe2(stdout_, O_CLOEXEC) == 0);
    const std::string workers = absl::StrCat(flags.workers.workers);
    pid_ = fork();
    MASPO_CHECK(pid_ >= 0);
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      dup2(stdin_[0], STDIN_FILENO);
      dup2(stdout_[1], STDOUT_FILENO);
      execl("/proc/self/exe", "front_bench", "--workers-of", endpoint.c_str(), "--workers", workers.c_str(), nullptr);
      _exit(127);
    }
    close(stdin_[0]);
    close(stdout_[1]);
    reader_ = std::thread([this] {
      char buffer[4096];
      for (ssize_t n = 0; (n = read(stdout_[0], buffer, sizeof buffer)) > 0;) output_.append(buffer, n);
    });
  }

  // What it wrote. Ends it.
  std::string Finish() {
    close(stdin_[1]);
    reader_.join();
    waitpid(pid_, nullptr, 0);
    return output_;
  }

 private:
  int stdin_[2], stdout_[2];
  pid_t pid_ = -1;
  std::string output_;
  std::thread reader_;
};

// Until everybody is parked; a few of them have handed in the groups that there were.
bool AwaitEverybody(const Front& front, const Flags& flags) {
  const absl::Time deadline = SteadyNow() + absl::Seconds(120);
  const auto all = static_cast<uint64_t>(flags.workers.workers);
  while (front.groups() < flags.groups_per_step || front.asking() < all || front.joining() < all) {
    if (SteadyNow() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(20));
  }
  return true;
}

// A step whenever its groups would have come at the given rate; tells when each version was published.
std::map<int64_t, double> Load(Front& front, const Flags& flags) {
  std::map<int64_t, double> published;
  const absl::Duration period = absl::Seconds(static_cast<double>(flags.groups_per_step) / flags.groups_per_second);
  const absl::Time end = SteadyNow() + absl::Seconds(flags.load_seconds);
  for (int64_t version = 1; SteadyNow() < end; ++version) {
    const absl::Time next = SteadyNow() + period;
    const std::optional<absl::Time> time = front.Step(SteadyNow() + absl::Seconds(60));
    if (!time) break;
    published[version] = absl::ToDoubleSeconds(*time - absl::UnixEpoch());
    absl::SleepFor(next - SteadyNow());
  }
  return published;
}

int Run(const Flags& flags) {
  Front front({.groups_per_step = flags.groups_per_step, .response_tokens = flags.workers.response_tokens});
  WorkersProcess workers(flags, front.endpoint());
  if (!AwaitEverybody(front, flags)) {
    fprintf(stderr, "only %lu of %d workers wait for a group, %lu for weights\n", front.asking(), flags.workers.workers,
            front.joining());
    workers.Finish();
    return 1;
  }
  printf("%d workers\n", flags.workers.workers);
  const Usage idle = Usage::Now();
  absl::SleepFor(absl::Seconds(flags.wait_seconds));
  const Usage idled = Usage::Now();
  Print("waiting", idle, idled);

  const Usage busy = Usage::Now();
  const uint64_t groups = front.groups();
  const std::map<int64_t, double> published = Load(front, flags);
  const Usage worked = Usage::Now();
  Print("loaded", busy, worked);
  printf("%-8s %6.1f a second\n", "groups",
         static_cast<double>(front.groups() - groups) / absl::ToDoubleSeconds(worked.time - busy.time));

  std::istringstream lines(workers.Finish());
  std::vector<double> leases, submissions;
  std::string kind;
  while (lines >> kind) {
    int64_t version = 0;
    double seconds = 0;
    if (kind == "lease") lines >> version;
    lines >> seconds;
    if (kind == "submit") submissions.push_back(seconds);
    if (const auto it = published.find(version); kind == "lease" && it != published.end()) {
      leases.push_back(seconds - it->second);
    }
  }
  PrintQuantiles("lease", std::move(leases));
  PrintQuantiles("submit", std::move(submissions));
  return CoresBetween(idle, idled) <= flags.max_idle_cores ? 0 : 1;
}

}  // namespace
}  // namespace maspo

int main(int argc, char** argv) {
  maspo::Flags flags;
  CLI::App app("What the learner's front costs while 250 workers wait, and while they hand in groups.");
  app.add_option("--workers", flags.workers.workers, "How many")->capture_default_str()->check(CLI::Range(1, 1000));
  app.add_option("--wait-seconds", flags.wait_seconds, "How long everybody waits")->capture_default_str();
  app.add_option("--load-seconds", flags.load_seconds, "How long groups come")->capture_default_str();
  app.add_option("--groups-per-second", flags.groups_per_second, "At which rate")->capture_default_str();
  app.add_option("--groups-per-step", flags.groups_per_step, "How many become a version")->capture_default_str();
  app.add_option("--max-idle-cores", flags.max_idle_cores, "Fails when waiting costs more");
  app.add_option("--workers-of", flags.workers.endpoint)->group("");  // The other process.
  CLI11_PARSE(app, argc, argv);
  spdlog::set_level(spdlog::level::err);
  if (!flags.workers.endpoint.empty()) {
    maspo::RunWorkers(flags.workers);
    return 0;
  }
  return maspo::Run(flags);
}
