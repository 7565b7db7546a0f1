"""Checks that deadlines and durations are measured by the steady clock, so that a step of the machine's clock ends nothing.

  check_clocks.py ROOT      prints every breach as FILE:LINE and exits 1 if there is one
"""
import pathlib
import re
import sys

FOLDERS = ("services", "model", "collective", "cuda", "learner", "rollout_worker", "reward_server", "cli")

# The machine's clock, where a time is for people, files or other programs.
TIMESTAMPS = {
    "learner/control/run_control.cc": "names this learner's registrations",
    "learner/ledger/ledger.cc": "when an event was written",
    "learner/main.cc": "the run's id",
    "learner/metrics/tensorboard_writer.cc": "wall_time of an event",
    "services/base/steady_clock.h": "turns a deadline into somebody else's",
    "services/rpc/call_deadline.cc": "turns somebody else's deadline into ours",
    "services/rpc/server_runner.cc": "gRPC's own deadline",
}
MACHINE_CLOCK = re.compile(r"absl::Now\b|absl::GetCurrentTimeNanos|system_clock::now|\btime\(nullptr\)|CLOCK_REALTIME")
# Waits of absl and of the standard library that end at a time of the machine's clock, or that libstdc++ bases on it.
MACHINE_WAIT = re.compile(r"AwaitWith(Deadline|Timeout)|\bWaitWith(Deadline|Timeout)|WaitForNotificationWith")


def breaches(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cc", ".cu"):
                continue
            name = path.relative_to(root).as_posix()
            for number, line in enumerate(path.read_text().splitlines(), start=1):
                code = line.split("//")[0]
                if MACHINE_WAIT.search(code):
                    yield f"{name}:{number}: waits by the machine's clock; use SteadyMutex"
                elif MACHINE_CLOCK.search(code) and name not in TIMESTAMPS:
                    yield f"{name}:{number}: reads the machine's clock; use SteadyNow(), or say in TIMESTAMPS what it is for"


def main():
    root = pathlib.Path(sys.argv[1])
    found = list(breaches(root))
    unused = [name for name in TIMESTAMPS if not MACHINE_CLOCK.search((root / name).read_text())]
    found += [f"{name}: reads no clock; take it out of TIMESTAMPS" for name in unused]
    print(*found, f"{len(found)} breaches of the clock rule", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
