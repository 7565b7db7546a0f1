"""Medians and their ratio from the files that bench.sh collects."""

import argparse
import json
import statistics

WARM_UP_STEPS = 5  # First touches of memory, thread pools, and TRL's first batches.


def read_trl(paths):
    """(seconds, mean response length) of each counted step of all runs."""
    steps = []
    for path in paths:
        with open(path) as file:
            run = json.loads(file.read().splitlines()[-1])
        steps += list(zip(run["step_seconds"], run["response_length"]))[WARM_UP_STEPS:]
    return steps


def read_maspo(paths):
    steps = []
    for path in paths:
        with open(path) as file:
            rows = [json.loads(line) for line in file]
        steps += [(row["time/step_s"], row["response/length_mean"]) for row in rows[WARM_UP_STEPS:]]
    return steps


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trl", nargs="+", required=True)
    parser.add_argument("--maspo", nargs="+", required=True)
    arguments = parser.parse_args()

    medians = {}
    print(f"{'':8}{'steps':>8}{'s/step median':>16}{'min':>8}{'max':>8}{'tokens/response':>18}")
    for name, steps in (("TRL", read_trl(arguments.trl)), ("maspo", read_maspo(arguments.maspo))):
        if not steps:
            raise SystemExit(f"compare: no step of {name} is left after {WARM_UP_STEPS} of warm-up; run more steps")
        seconds = [second for second, _ in steps]
        medians[name] = statistics.median(seconds)
        length = statistics.mean(length for _, length in steps)
        print(f"{name:8}{len(steps):8}{medians[name]:16.3f}{min(seconds):8.3f}{max(seconds):8.3f}{length:18.1f}")
    print(f"maspo takes {medians['TRL'] / medians['maspo']:.2f} times fewer seconds a step than TRL.")


if __name__ == "__main__":
    main()
