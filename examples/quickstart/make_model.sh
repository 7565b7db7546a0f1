#!/bin/bash
# Makes examples/quickstart/base/model.safetensors: 950 updates of supervised fine-tuning from random weights, a few minutes
# on one core. `make quickstart-model` is the same.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 examples/quickstart/make_sft.py --seed 0 --output "$work/sft.jsonl"
build/bin/maspo sft --model examples/quickstart/base --init-random --data "$work/sft.jsonl" --output "$work/base" \
  --batch-size 64 --steps 950 --no-shuffle --seed 0 \
  --learning-rate 1.5e-3 --warmup-steps 30 --schedule cosine --final-learning-rate-ratio 0.05 \
  --beta2 0.99 --weight-decay 0.01 --max-grad-norm 1.0
mv "$work/base/model.safetensors" examples/quickstart/base/model.safetensors
