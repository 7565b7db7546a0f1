#pragma once

#include "absl/status/status.h"
#include "absl/strings/cord.h"

namespace maspo {

// How a program ends, so that whoever started it knows what to do next; all programs keep to it, docs/exit-codes.md
// says when each of them ends how.
//
//   ended with    because                                                         again?
//   0             all that was planned is done                                    no
//   1             something failed                                                perhaps, when it is mended
//   2             the input is wrong: flags, configuration, files, other builds   no: it would end the same way
//   75            it was stopped before its work was done (EX_TEMPFAIL)           yes: it goes on
//   76            ranks of the learner lost each other, whoever was the cause     yes: from the newest checkpoint
//   128 + n       signal n ended it at once, for instance the second SIGTERM      yes
enum ExitCode { kExitDone = 0, kExitFailed = 1, kExitBadInput = 2, kExitStopped = 75, kExitLostRanks = 76 };

inline constexpr char kLostRanksPayload[] = "maspo/lost-ranks";

// The error, whatever it says, of a process whose group of ranks broke.
inline absl::Status WithLostRanks(absl::Status error) {
  error.SetPayload(kLostRanksPayload, absl::Cord());
  return error;
}

inline int ExitCodeOf(const absl::Status& status) {
  if (status.GetPayload(kLostRanksPayload)) return kExitLostRanks;
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitDone;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
      return kExitBadInput;
    case absl::StatusCode::kCancelled:
      return kExitStopped;
    default:
      return kExitFailed;
  }
}

}  // namespace maspo
