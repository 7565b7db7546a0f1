#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/base/stop_signal.h"

namespace maspo {

// The processes of one machine's ranks, which live and end together.
//
//   a signal ends one      the rest has `grace`, as its collectives fail, and is killed; exit code 128 + signal
//   rank 0 ends            the others have `grace` to end, too; its exit code is the gang's
//   another one fails      likewise; a failure
//   one does not run       (SIGSTOP, a debugger) for `frozen`, or until the others miss it: as if that signal had
//                          ended it
//   they lost each other   and none of these is the cause: one hangs, or the network failed; kExitLostRanks
//   a stop is requested    passed on to rank 0, which tells the others when it is done
//
// Where rank 0 is on another machine, the ranks here end when it tells them to. Whatever ends a gang is logged with the
// rank's number. A gang never outlives this process.
struct Gang {
  std::vector<std::vector<std::string>> commands;  // Program and arguments of each rank here.
  int first_rank = 0;                              // Of this machine.
  absl::Duration grace = absl::Seconds(10);
  absl::Duration frozen = absl::Minutes(5);
};

// Starts the ranks and waits for them. Returns the exit code (services/base/exit_code.h).
int RunGang(const Gang& gang, const StopSignal& stop);

}  // namespace maspo
