#!/usr/bin/env bash
# Log-probabilities and entropies from hidden states, forward and backward, against the plain expression in PyTorch of the
# same version: time and peak memory as ratios, all in one run, turn by turn. `make bench-logprobs` is the same.
#
#   tests/benchmarks/logprobs/bench.sh [TOKENS] [THREADS] [DEVICE]      2048, 2 and cpu if not given
#
# MASPO_BIN_DIR and MASPO_PYTHON name other programs than those of build/ and .venv-test.
#
# Hidden sizes: 64 leaves little but the expression itself; 896 is that of Qwen2.5-0.5B, where three products with the head
# take most of the time on both sides, and a fourth one here for logits that do not wait for backward. So each shape is run
# twice: with learner.logits_mib as it is by default, and with room for all logits.
set -euo pipefail
cd "$(dirname "$0")/../../.."
tokens=${1:-2048} threads=${2:-2} device=${3:-cpu}
bin=${MASPO_BIN_DIR:-build/bin} python=${MASPO_PYTHON:-.venv-test/bin/python}
export OMP_NUM_THREADS=$threads
here=tests/benchmarks/logprobs

for vocab in 32000 151936; do
  for hidden in 64 896; do
    shape=(--tokens "$tokens" --vocab "$vocab" --hidden "$hidden" --threads "$threads" --device "$device")
    plain=$("$python" "$here/plain_logprobs.py" "${shape[@]}")
    for logits_mib in 256 $((tokens * vocab / 262144 + 1)); do
      "$python" "$here/compare.py" "vocabulary $vocab, hidden $hidden, logits_mib $logits_mib" "$plain" \
        "$("$bin/logprobs_bench" "${shape[@]}" --logits-mib "$logits_mib")"
    done
  done
done
