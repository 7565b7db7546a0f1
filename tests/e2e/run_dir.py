"""What tests look for in a run's folder."""

import json
import time


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def await_step(run_dir, step):
    metrics = run_dir / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if metrics.exists() and len(metrics.read_text().splitlines()) >= step:
            return
        time.sleep(0.02)
    raise AssertionError(f"step {step} of {run_dir} did not come")
