#!/bin/bash
# Trains the quick start with several objectives over several seeds, each for the same number of steps and responses, and
# compares them: a table, and curves of reward, entropy and held-out accuracy. `make bench-objectives` is the same.
#
#   tests/benchmarks/objectives/bench.sh [SEEDS] [STEPS] [OUTPUT]
#
# OBJECTIVES="maspo dac" trains others, EXTRA="--set key=value" changes all runs. Every objective has its paper's parameters and
# aggregation (maspo those of the file); everything else is as in deploy/configs/quickstart.yaml. Runs that are finished in
# OUTPUT are not repeated. JOBS=6 trains six at a time, MASPO_BIN_DIR names other programs than those of build/.
set -euo pipefail
cd "$(dirname "$0")/../../.."
seeds=${1:-3} steps=${2:-100} output=${3:-runs/bench-objectives}
objectives=${OBJECTIVES:-grpo_clip clip_higher sapo gspo maspo}
here=tests/benchmarks/objectives bin=${MASPO_BIN_DIR:-build/bin}
mkdir -p "$output"

train() {
  local objective=$1 seed=$2
  local run=$output/$objective-$seed
  [ -f "$run/finished" ] && return
  rm -rf "$run"
  echo "bench-objectives: $objective, seed $seed of $seeds, $steps steps" >&2
  "$bin/maspo" train "$output/$objective.yaml" --run-dir "$run" \
    --set model.path=examples/quickstart/base --set data.train=examples/quickstart/train.jsonl \
    --set data.eval=examples/quickstart/eval.jsonl --set run.seed="$seed" --set run.steps="$steps" \
    --set run.eval_interval=$((steps / 4 > 0 ? steps / 4 : 1)) --set run.stall_seconds=600 ${EXTRA:-} > "$output/$objective-$seed.log" 2>&1 ||
    { cat "$output/$objective-$seed.log" >&2; exit 255; }
  touch "$run/finished"
}
export -f train
export output seeds steps bin

for objective in $objectives; do
  python3 "$here/config.py" deploy/configs/quickstart.yaml "$objective" > "$output/$objective.yaml"
done
for seed in $(seq "$seeds"); do
  for objective in $objectives; do echo "$objective $seed"; done
done | xargs -P "${JOBS:-1}" -L 1 bash -euc 'train "$0" "$1"'

python3 "$here/compare.py" "$output" $objectives
