"""Compares runs of several objectives and seeds: compare.py FOLDER OBJECTIVE..., runs in FOLDER/OBJECTIVE-SEED.

Prints a table (mean and standard deviation over seeds) and writes it to FOLDER/table.md, and curves to FOLDER/curves.svg.
"""
import json
import statistics
import sys
from pathlib import Path

from curves import draw

LAST_STEPS = 10     # Of training, that the table averages over.
SMOOTHED_STEPS = 5  # In the curves.


def rows_of(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


class Run:
    def __init__(self, folder):
        self.steps = rows_of(folder / "metrics.jsonl")
        self.evaluations = rows_of(folder / "evaluations.jsonl")

    def last(self, name):
        return statistics.fmean(row[name] for row in self.steps[-LAST_STEPS:])

    def final(self, name):
        return self.evaluations[-1][name]

    def gain(self, name):
        return self.final(name) - self.evaluations[0][name]


def text(values):
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.3f}{spread}"


def table(runs):
    first = next(iter(runs.values()))[0]
    pass_at = sorted((name for name in first.evaluations[0] if name.startswith("eval/pass_at_") and name[-1] != "k"),
                     key=lambda name: (len(name), name))
    columns = {"held-out avg": lambda run: run.final("eval/avg_at_k"), "its gain": lambda run: run.gain("eval/avg_at_k")}
    for name in pass_at:
        columns[name.removeprefix("eval/")] = lambda run, name=name: run.final(name)
    columns |= {"reward": lambda run: run.last("reward/mean"), "entropy": lambda run: run.last("policy/entropy"),
                "zero gradient": lambda run: run.last("policy/zero_gradient_fraction"),
                "ratio p99": lambda run: run.last("policy/ratio_p99")}
    lines = ["| objective | seeds | " + " | ".join(columns) + " |", "|---" * (len(columns) + 2) + "|"]
    for name, of_objective in runs.items():
        cells = [text([read(run) for run in of_objective]) for read in columns.values()]
        lines.append(f"| {name} | {len(of_objective)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def smoothed(values):
    """Means of each value and those before it, SMOOTHED_STEPS in all."""
    return [statistics.fmean(values[max(0, i + 1 - SMOOTHED_STEPS):i + 1]) for i in range(len(values))]


def curve(of_objective, rows, name):
    """(step, lowest, mean, highest) over the seeds; training steps are smoothed first, evaluations are not."""
    by_step = {}
    for run in of_objective:
        steps, values = zip(*((row["step"], row[name]) for row in getattr(run, rows)))
        for step, value in zip(steps, smoothed(values) if rows == "steps" else values):
            by_step.setdefault(step, []).append(value)
    return [(step, min(values), statistics.fmean(values), max(values)) for step, values in sorted(by_step.items())]


def main():
    folder = Path(sys.argv[1])
    runs = {name: [Run(path) for path in sorted(folder.glob(f"{name}-[0-9]*/")) if (path / "finished").exists()]
            for name in sys.argv[2:]}
    panels = {title: {name: curve(of_objective, rows, metric) for name, of_objective in runs.items()}
              for title, rows, metric in (("training reward", "steps", "reward/mean"),
                                          ("entropy, nats", "steps", "policy/entropy"),
                                          ("held-out avg@k", "evaluations", "eval/avg_at_k"),
                                          ("held-out pass@k", "evaluations", "eval/pass_at_k"))}
    result = table(runs)
    (folder / "table.md").write_text(result)
    (folder / "curves.svg").write_text(draw(panels))
    print(result + f"curves: {folder / 'curves.svg'}")


if __name__ == "__main__":
    main()
