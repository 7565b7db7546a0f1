#!/usr/bin/env bash
# Log-probabilities and entropies from hidden states, forward and backward, in chunks that are never kept, against the
# plain expression in PyTorch of the same version: time and peak memory as ratios, both in one run, turn by turn.
# `make bench-logprobs` is the same.
#
#   tests/benchmarks/logprobs/bench.sh [TOKENS] [THREADS]      2048 and 2 if not given
#
# Hidden sizes: 64 leaves little but the expression itself; 896 is that of Qwen2.5-0.5B, where the products with the head
# take most of the time (the chunked operation computes logits twice).
set -euo pipefail
cd "$(dirname "$0")/../../.."
tokens=${1:-2048} threads=${2:-2}
export OMP_NUM_THREADS=$threads
here=tests/benchmarks/logprobs

for vocab in 32000 151936; do
  for hidden in 64 896; do
    shape=(--tokens "$tokens" --vocab "$vocab" --hidden "$hidden" --threads "$threads")
    .venv-test/bin/python - "$vocab" "$hidden" \
      "$(.venv-test/bin/python "$here/plain_logprobs.py" "${shape[@]}")" "$(build/bin/logprobs_bench "${shape[@]}")" <<'PYTHON'
import json, sys
vocab, hidden = sys.argv[1:3]
plain, ours = map(json.loads, sys.argv[3:5])
for key in ("loss", "grad_norm"):
    if abs(plain[key] - ours[key]) > 1e-3 * abs(plain[key]):
        sys.exit(f"bench-logprobs: {key} differs: {plain[key]} in PyTorch, {ours[key]} here")
print(f"vocabulary {vocab:>6}, hidden {hidden:>3}: {plain['seconds'] / ours['seconds']:5.2f} times the speed, "
      f"{plain['peak_bytes'] / ours['peak_bytes']:5.1f} times less memory "
      f"({ours['seconds']:.2f} s, {ours['peak_bytes'] / 2**20:.0f} MiB against {plain['seconds']:.2f} s, "
      f"{plain['peak_bytes'] / 2**20:.0f} MiB)", flush=True)
PYTHON
  done
done
