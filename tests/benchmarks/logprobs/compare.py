"""One line of bench.sh's table: compare.py NAME PLAIN OURS, the last two what the two programs printed."""

import json
import sys

name = sys.argv[1]
plain, ours = map(json.loads, sys.argv[2:4])
for key in ("loss", "grad_norm"):
    if abs(plain[key] - ours[key]) > 1e-3 * abs(plain[key]):
        sys.exit(f"bench-logprobs: {name}: {key} differs: {plain[key]} in PyTorch, {ours[key]} here")
print(f"{name:<46} {plain['seconds'] / ours['seconds']:5.2f} times the speed, 1/{plain['peak_bytes'] / ours['peak_bytes']:.1f} of the memory "
      f"({ours['seconds']:.2f} s, {ours['peak_bytes'] / 2**20:.0f} MiB against {plain['seconds']:.2f} s, "
      f"{plain['peak_bytes'] / 2**20:.0f} MiB)", flush=True)
