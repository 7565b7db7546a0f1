#!/bin/bash
# Seconds per training step of `maspo train` and of TRL's GRPO trainer on the quick start: same checkpoint, same problems,
# 16 prompts x 16 responses and 8 updates a step, the same two cores, turn by turn. `make bench-trl` is the same.
#
#   tests/benchmarks/trl/bench.sh [ROUNDS] [STEPS]
#
# MODEL=FOLDER trains another checkpoint. The first five steps of each run are not counted.
set -euo pipefail
cd "$(dirname "$0")/../../.."
rounds=${1:-2} steps=${2:-20}
model=$(realpath "${MODEL:-examples/quickstart/base}")
here=tests/benchmarks/trl

scripts/python-env .venv-trl "$here/requirements.txt" >&2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cores=$(python3 -c 'import os; print(*sorted(os.sched_getaffinity(0))[:2], sep=",")')

for round in $(seq "$rounds"); do
  echo "bench-trl: round $round of $rounds on cores $cores: TRL, $steps steps" >&2
  taskset -c "$cores" .venv-trl/bin/python "$here/bench_trl.py" --model "$model" --data examples/quickstart/train.jsonl \
    --steps "$steps" > "$work/trl-$round.json" 2> "$work/trl-$round.log" || { cat "$work/trl-$round.log" >&2; exit 1; }
  echo "bench-trl: round $round of $rounds on cores $cores: maspo, $steps steps" >&2
  taskset -c "$cores" build/bin/maspo train deploy/configs/quickstart.yaml --run-dir "$work/maspo-$round" \
    --set model.path="$model" --set run.steps="$steps" --set data.eval=[] > "$work/maspo-$round.log" 2>&1 ||
    { cat "$work/maspo-$round.log" >&2; exit 1; }
done

python3 "$here/compare.py" --trl "$work"/trl-*.json --maspo "$work"/maspo-*/metrics.jsonl
