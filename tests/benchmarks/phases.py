"""Median seconds of each phase of a training step: phases.py METRICS.jsonl"""
import json
import statistics
import sys

WARM_UP_STEPS = 5


def main():
    with open(sys.argv[1]) as file:
        rows = [json.loads(line) for line in file][WARM_UP_STEPS:]
    if not rows:
        raise SystemExit(f"phases: no step is left after {WARM_UP_STEPS} of warm-up; run more steps")
    medians = {key: statistics.median(row.get(key, 0) for row in rows) for key in rows[0] if key.startswith("time/")}
    print(f"{'phase':24}{'median s':>10}{'share':>8}")
    for key, seconds in sorted(medians.items(), key=lambda item: -item[1]):
        print(f"{key:24}{seconds:10.3f}{seconds / medians['time/step_s']:8.1%}")
    tokens = statistics.median(row["throughput/response_tokens_per_s"] for row in rows)
    print(f"{tokens:.0f} response tokens/s, {len(rows)} steps")


if __name__ == "__main__":
    main()
