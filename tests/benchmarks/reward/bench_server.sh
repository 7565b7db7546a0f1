#!/bin/bash
# A reward server over gRPC on groups of 16 responses: requests and answers a second, with 1, 8 and 64 clients, with and without
# the cache of repeated pairs. `make bench-server` is the same.
#
# MASPO_SHARED_DIR is the folder with data/answer_pairs_dev.jsonl and data/gsm8k_responses.jsonl; ../shared if not given.
set -euo pipefail
cd "$(dirname "$0")/../../.."
data=${MASPO_SHARED_DIR:-../shared}/data
here=tests/benchmarks/reward
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export MASPO_BIN_DIR=${MASPO_BIN_DIR:-$PWD/build/bin}
python3 "$here/make_inputs.py" --pairs "$data/answer_pairs_dev.jsonl" --responses "$data/gsm8k_responses.jsonl" --output "$work"
for name in groups pair-groups; do
  echo "$name:"
  "$MASPO_BIN_DIR/bench_server" "$work/$name.jsonl" 16
done
