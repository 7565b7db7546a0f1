#!/usr/bin/env bash
# All that needs a GPU, in a few minutes: its tests, the quick start with `model.device: cuda`, and the benchmarks that run on
# either device. Results: OUTPUT/summary.txt, and a file for each part.
#
#   tests/cuda/measure.sh OUTPUT      after make build-cuda, scripts/setup --gpu and make bench-model
#
# MASPO_BIN_DIR holds the programs and tests, build/bin if not set, MASPO_PYTHON a Python with PyTorch for CUDA and transformers.
# A part that fails is reported, and the others run all the same.
set -uo pipefail
output=$(mkdir -p "$1" && cd "$1" && pwd) || exit 2
cd "$(dirname "$0")/../.."
export MASPO_BIN_DIR=${MASPO_BIN_DIR:-build/bin} MASPO_PYTHON=${MASPO_PYTHON:-python3} MASPO_SOURCE_DIR=$PWD
failed=()

part() {  # NAME COMMAND...
  local name=$1 start=$SECONDS
  shift
  echo "== $name: $*" | tee -a "$output/summary.txt"
  if "$@" > "$output/$name.txt" 2>&1; then
    echo "== $name: $((SECONDS - start)) s" | tee -a "$output/summary.txt"
  else
    failed+=("$name")
    echo "== $name: FAILED after $((SECONDS - start)) s" | tee -a "$output/summary.txt"
  fi
  tail -n "${LINES_OF_PART:-12}" "$output/$name.txt" | tee -a "$output/summary.txt"
}

: > "$output/summary.txt"
part gpu nvidia-smi --query-gpu=name,memory.total,driver_version,clocks.max.sm --format=csv,noheader
part cuda_test "$MASPO_BIN_DIR/cuda_test"
part nccl_test "$MASPO_BIN_DIR/nccl_test"
part quickstart "$MASPO_BIN_DIR/maspo" train deploy/configs/quickstart.yaml --run-dir "$output/run" --set model.device=cuda \
  --set run.steps="${STEPS:-40}" --expect-improvement

# On-policy, so that nothing but rounding tells sampler and learner apart.
mismatch() {
  local rows=$output/mismatch-$1/metrics.jsonl
  "$MASPO_BIN_DIR/maspo" train deploy/configs/quickstart.yaml --run-dir "$output/mismatch-$1" --set model.device=cuda --set model.tf32="$1" \
    --set learner.max_staleness=0 --set 'data.eval=[]' --set run.steps=10 &&
    python3 -c '
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
for name in ("mean", "max"):
    worst = max(row["mismatch/logprob_abs_" + name] for row in rows)
    print(f"|sampler - learner| of a log-probability, the largest {name} of ten steps: {worst:.1e}")
' "$rows"
}
part mismatch mismatch false
part mismatch-tf32 mismatch true
part logprobs tests/benchmarks/logprobs/bench.sh "${LOGPROB_TOKENS:-8192}" 4 cuda
export MICRO_BATCH_TOKENS=4096 ROUNDS=${ROUNDS:-1} ROLLOUTS=${ROLLOUTS:-2:8:128:256 16:16:128:256} UPDATES=${UPDATES:-4:8:128:896}
for shape in ${SHAPES:-qwen2.5-0.5b qwen2.5-1.5b}; do
  part "$shape" tests/benchmarks/model/bench.sh "$shape" cuda
  TF32=1 part "$shape-tf32" tests/benchmarks/model/bench.sh "$shape" cuda
done
[ ${#failed[@]} = 0 ] && exit
echo "failed: ${failed[*]}" | tee -a "$output/summary.txt"
exit 1
