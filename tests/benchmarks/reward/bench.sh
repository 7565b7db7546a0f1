#!/bin/bash
# Answers a second of CPU time of the reward server's verifier and of Math-Verify 0.9.0, on the same inputs, on one core, turn by
# turn.
# `make bench-reward` is the same.
#
#   tests/benchmarks/reward/bench.sh [SECONDS]      of each measurement; 5 if not given
#
# MASPO_SHARED_DIR is the folder with data/answer_pairs_dev.jsonl and data/gsm8k_responses.jsonl; ../shared if not given.
set -euo pipefail
cd "$(dirname "$0")/../../.."
seconds=${1:-5}
data=${MASPO_SHARED_DIR:-../shared}/data
here=tests/benchmarks/reward
program=${MASPO_BENCH_VERIFIER:-build/bin/bench_verifier}

scripts/python-env .venv-reward "$here/requirements.txt" without-torch >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
core=$(python3 -c 'import os; print(min(os.sched_getaffinity(0)))')
python3 "$here/make_inputs.py" --pairs "$data/answer_pairs_dev.jsonl" --responses "$data/gsm8k_responses.jsonl" --output "$work"
names="pairs short long boxes"
for name in $names; do
  echo "bench-reward: $name, on core $core" >&2
  taskset -c "$core" .venv-reward/bin/python "$here/bench_reference.py" "$work/$name.jsonl" --seconds "$seconds" > "$work/$name-reference.json"
  taskset -c "$core" "$program" "$work/$name.jsonl" "$seconds" > "$work/$name-maspo.json"
done
python3 "$here/compare.py" "$work" $names
