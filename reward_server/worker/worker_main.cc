#include "reward_server/worker/worker_main.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "reward_server/verification/answer_verifier.h"
#include "reward_server/verifier_options.h"
#include "reward_server/worker/framed_messages.h"

namespace maspo {
namespace {

constexpr absl::Duration kGrace = absl::Milliseconds(1);  // The verifier ends by itself at the deadline.

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

// The kernel ends this process by SIGPROF when it has used so much more CPU time; zero: never. It looks once a tick,
// which is every 4 ms at worst.
void AllowCpuTime(absl::Duration time) {
  itimerval timer{};
  timer.it_value = absl::ToTimeval(time);
  setitimer(ITIMER_PROF, &timer, nullptr);
}

}  // namespace

int ServeAnswers(const v1::RewardSection& config,
                 const std::function<v1::VerifiedAnswer(const v1::VerifyItem&)>& verify) {
  LimitAddressSpace(static_cast<rlim_t>(config.worker_memory_mib()) << 20);
  if (!WriteFramed(kWorkerSocket, v1::VerifiedAnswer()).ok()) return 1;  // Ready.
  const absl::Duration allowed = absl::Milliseconds(config.answer_deadline_ms()) + kGrace;
  v1::VerifyItem item;
  while (ReadFramed(kWorkerSocket, item).ok()) {
    AllowCpuTime(allowed);
    const v1::VerifiedAnswer answer = verify(item);
    AllowCpuTime(absl::ZeroDuration());
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
