#include "reward_server/worker/worker_main.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "absl/status/statusor.h"
#include "proto/run_config.pb.h"
#include "reward_server/verification/answer_verifier.h"
#include "reward_server/verifier_options.h"
#include "reward_server/worker/framed_messages.h"

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

// A second of CPU time from now on: the supervisor is much faster, but it may be gone.
void AllowOneMoreSecond() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  rlimit limit{};
  getrlimit(RLIMIT_CPU, &limit);
  limit.rlim_cur =
      std::min<rlim_t>(limit.rlim_max, static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 2);
  setrlimit(RLIMIT_CPU, &limit);
}

}  // namespace

int WorkerMain() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGINT, SIG_IGN);  // Ctrl-C is for the server, which finishes its batches.
  v1::RewardSection config;
  if (!ReadFramed(kWorkerSocket, config).ok()) return 1;
  const absl::StatusOr<std::unique_ptr<AnswerVerifier>> verifier = AnswerVerifier::Create(VerifierOptionsFrom(config));
  if (!verifier.ok()) return 1;
  LimitAddressSpace(static_cast<rlim_t>(config.worker_memory_mib()) << 20);
  if (!WriteFramed(kWorkerSocket, v1::VerifiedAnswer()).ok()) return 1;  // Ready.
  v1::VerifyItem item;
  while (ReadFramed(kWorkerSocket, item).ok()) {
    AllowOneMoreSecond();
    if (!WriteFramed(kWorkerSocket, (*verifier)->Verify(item)).ok()) break;
  }
  return 0;
}

}  // namespace maspo
