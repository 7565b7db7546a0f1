#include "reward_server/worker/worker_main.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "reward_server/verification/answer_verifier.h"
#include "reward_server/verifier_options.h"
#include "reward_server/worker/framed_messages.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// The address space may grow by `bytes` from here on: libraries are mapped already.
void LimitAddressSpace(rlim_t bytes) {
  unsigned long pages = 0;
  if (FILE* statm = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(statm, "%lu", &pages) != 1) pages = 0;
    std::fclose(statm);
  }
  if (pages == 0) return;
  const rlim_t limit = pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + bytes;
  const rlimit both{limit, limit};
  setrlimit(RLIMIT_AS, &both);
}

// Ends this process by SIGPROF when it has used the CPU time that it was allowed. The kernel looks once a tick, which
// is every 4 ms at worst; setitimer() would add another tick.
class CpuAlarm {
 public:
  CpuAlarm() {
    sigevent end{};
    end.sigev_notify = SIGEV_SIGNAL;
    end.sigev_signo = SIGPROF;
    MASPO_CHECK(timer_create(CLOCK_PROCESS_CPUTIME_ID, &end, &timer_) == 0);
  }
  // Zero: any.
  void Allow(absl::Duration time) {
    itimerspec from_now{};
    from_now.it_value = absl::ToTimespec(time);
    timer_settime(timer_, /*flags=*/0, &from_now, nullptr);
  }

 private:
  timer_t timer_;
};

}  // namespace

int ServeAnswers(const v1::RewardSection& config,
                 const std::function<v1::VerifiedAnswer(const v1::VerifyItem&)>& verify) {
  LimitAddressSpace(static_cast<rlim_t>(config.worker_memory_mib()) << 20);
  if (!WriteFramed(kWorkerSocket, v1::VerifiedAnswer()).ok()) return 1;  // Ready.
  // No grace: a verifier that ends by itself does so within the tick.
  const absl::Duration allowed = absl::Milliseconds(config.answer_deadline_ms());
  CpuAlarm alarm;
  v1::VerifyItem item;
  while (ReadFramed(kWorkerSocket, item).ok()) {
    alarm.Allow(allowed);
    const v1::VerifiedAnswer answer = verify(item);
    alarm.Allow(absl::ZeroDuration());
    if (!WriteFramed(kWorkerSocket, answer).ok()) break;
  }
  return 0;
}

int WorkerMain() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGINT, SIG_IGN);  // Ctrl-C is for the server, which finishes its batches.
  v1::RewardSection config;
  if (!ReadFramed(kWorkerSocket, config).ok()) return 1;
  const absl::StatusOr<std::unique_ptr<AnswerVerifier>> verifier = AnswerVerifier::Create(VerifierOptionsFrom(config));
  if (!verifier.ok()) return 1;
  return ServeAnswers(config, [&](const v1::VerifyItem& item) { return (*verifier)->Verify(item); });
}

}  // namespace maspo
