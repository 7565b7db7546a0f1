#!/usr/bin/env bash
# The rollout engine against transformers' generate, and the learner's update against a plain PyTorch one, on a model of a
# given shape with random weights, in float32: tokens per second as ratios, all in one run. `make bench-model` is the same.
#
#   tests/benchmarks/model/bench.sh [SHAPE] [DEVICE]      a folder beside this file; tiny and cpu if not given
#
# MASPO_BIN_DIR and MASPO_PYTHON name other programs than those of build/ and .venv-test. ROLLOUTS and UPDATES hold the sizes to
# run: groups:group_size:prompt_tokens:response_tokens, MICRO_BATCH_TOKENS what an update
# takes at once, ROUNDS how often after a warm-up. TF32=1 lets a GPU use TF32 on both sides.
set -euo pipefail
cd "$(dirname "$0")/../../.."
shape=${1:-tiny} device=${2:-cpu}
bin=${MASPO_BIN_DIR:-build/bin} python=${MASPO_PYTHON:-.venv-test/bin/python}
here=tests/benchmarks/model

compare() {
  local part=$1 groups size prompt response
  IFS=: read -r groups size prompt response <<<"$2"
  local flags=("$part" --model "$here/$shape" --device "$device" --groups "$groups" --group-size "$size"
    --prompt-tokens "$prompt" --response-tokens "$response" --rounds "${ROUNDS:-2}" --micro-batch-tokens "${MICRO_BATCH_TOKENS:-16384}")
  local plain ours name=$shape
  if [ "${TF32:-0}" = 1 ]; then flags+=(--tf32) name+=" tf32"; fi
  ours=$("$bin/model_bench" "${flags[@]}")
  plain=$("$python" "$here/plain_model.py" "${flags[@]}" 2>/dev/null)
  "$python" "$here/compare.py" "$name, $part, $groups x $size responses of $response tokens" "$plain" "$ours"
}

for sizes in ${ROLLOUTS:-2:8:32:128}; do compare rollout "$sizes"; done
for sizes in ${UPDATES:-2:8:32:128}; do compare learner "$sizes"; done
