#include "learner/ranks/gang.h"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "services/base/exit_code.h"
#include "services/base/steady_clock.h"

namespace maspo {
namespace {

constexpr absl::Duration kTurn = absl::Milliseconds(50);
constexpr absl::Duration kHindsight = absl::Seconds(1);  // For the cause to be seen after its consequence.

struct Rank {
  int number = 0;
  pid_t pid = -1;
  std::optional<int> exit_code;            // 128 + n for signal n.
  std::optional<absl::Time> frozen_since;  // While it is stopped by a signal.
  absl::Time ended_at = absl::InfiniteFuture();

  bool lost_others() const { return exit_code == kExitLostRanks; }
};

std::string EndOf(int exit_code) {
  return exit_code > 128 ? absl::StrCat("was ended by signal ", exit_code - 128, " (", strsignal(exit_code - 128), ")")
                         : absl::StrCat("ended with exit code ", exit_code);
}

// Between fork and exec: async-signal-safe calls only.
[[noreturn]] void BecomeRank(pid_t parent, char* const* argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  setpgid(0, 0);  // Ctrl-C reaches the parent, which stops rank 0.
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(argv[0], argv);
  _exit(127);
}

class RunningGang {
 public:
  RunningGang(const Gang& gang, const StopSignal& stop) : gang_(gang), stop_(stop) {}

  int Run() {
    for (const auto& command : gang_.commands) {
      if (!Start(command)) return End(kExitFailed);
    }
    bool told = false;
    while (true) {
      const bool stopping = stop_.WaitFor(kTurn);
      if (stopping && !told && gang_.first_rank == 0) kill(ranks_.front().pid, SIGTERM);
      told |= stopping;
      if (stopping) SleepATurn();
      Look();
      if (const std::optional<int> code = Verdict()) return End(*code);
    }
  }

 private:
  static void SleepATurn() { usleep(static_cast<useconds_t>(absl::ToInt64Microseconds(kTurn))); }

  bool Start(const std::vector<std::string>& command) {
    std::vector<char*> argv;
    for (const std::string& argument : command) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const int number = gang_.first_rank + static_cast<int>(ranks_.size());
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) BecomeRank(parent, argv.data());
    if (pid < 0) {
      spdlog::error("rank {} cannot be started: {}", number, std::strerror(errno));
      return false;
    }
    ranks_.push_back({.number = number, .pid = pid, .exit_code = {}, .frozen_since = {}});
    return true;
  }

  void Look() {
    for (Rank& rank : ranks_) {
      int status = 0;
      if (rank.exit_code || waitpid(rank.pid, &status, WNOHANG | WUNTRACED | WCONTINUED) != rank.pid) continue;
      if (WIFSTOPPED(status)) {
        rank.frozen_since = SteadyNow();
      } else if (WIFCONTINUED(status)) {
        rank.frozen_since.reset();
      } else {
        rank.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        rank.ended_at = SteadyNow();
      }
    }
  }

  // How the gang ends; nullopt while it goes on. Causes first: what they lead to has codes of its own.
  std::optional<int> Verdict() const {
    const auto missed = std::find_if(ranks_.begin(), ranks_.end(), [](const Rank& r) { return r.lost_others(); });
    for (const Rank& rank : ranks_) {
      if (rank.exit_code && *rank.exit_code > 128) return Blame(rank, EndOf(*rank.exit_code), *rank.exit_code);
    }
    for (const Rank& rank : ranks_) {
      if (!rank.frozen_since) continue;
      const absl::Duration frozen = SteadyNow() - *rank.frozen_since;
      if (frozen <= gang_.frozen && missed == ranks_.end()) continue;
      return Blame(rank, absl::StrCat("has been stopped by a signal for ", absl::FormatDuration(frozen)),
                   128 + SIGSTOP);
    }
    if (gang_.first_rank == 0 && ranks_.front().exit_code && !ranks_.front().lost_others())
      return *ranks_.front().exit_code;
    for (const Rank& rank : ranks_) {
      if (!rank.exit_code || *rank.exit_code == kExitDone || rank.lost_others()) continue;
      return Blame(rank, EndOf(*rank.exit_code), *rank.exit_code == kExitBadInput ? kExitBadInput : kExitFailed);
    }
    if (missed != ranks_.end()) {
      if (SteadyNow() - missed->ended_at < kHindsight) return std::nullopt;
      return Blame(*missed, "lost the others, of which none was ended by a signal", kExitLostRanks);
    }
    // One that has done its part waits for rank 0, which has a little more to do.
    const bool all_done =
        std::all_of(ranks_.begin(), ranks_.end(), [](const Rank& r) { return r.exit_code.has_value(); });
    return all_done ? std::optional<int>(kExitDone) : std::nullopt;
  }

  static int Blame(const Rank& rank, const std::string& what, int code) {
    spdlog::error("rank {} {}: the gang ends", rank.number, what);
    return code;
  }

  // Nobody stays behind.
  int End(int code) {
    const absl::Time deadline = SteadyNow() + gang_.grace;
    const auto runs = [](const Rank& rank) { return !rank.exit_code; };
    while (std::any_of(ranks_.begin(), ranks_.end(), runs) && SteadyNow() < deadline) {
      SleepATurn();
      Look();
    }
    for (Rank& rank : ranks_) {
      if (rank.exit_code) continue;
      spdlog::warn("rank {} does not end by itself and is killed", rank.number);
      kill(rank.pid, SIGKILL);
      waitpid(rank.pid, nullptr, 0);
    }
    return code;
  }

  const Gang& gang_;
  const StopSignal& stop_;
  std::vector<Rank> ranks_;
};

}  // namespace

int RunGang(const Gang& gang, const StopSignal& stop) { return RunningGang(gang, stop).Run(); }

}  // namespace maspo
