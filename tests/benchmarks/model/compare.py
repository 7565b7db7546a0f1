"""One line of bench.sh's table: compare.py NAME PLAIN OURS, the last two what the two programs printed."""

import json
import sys

name = sys.argv[1]
plain, ours = map(json.loads, sys.argv[2:4])


def speed(side):
    memory = f", {side['reserved_bytes'] / 2**30:.1f} GiB" if side["reserved_bytes"] else ""
    return f"{side['tokens_per_second']:.0f} tokens/s{memory}"


print(f"{name:<62} {ours['tokens_per_second'] / plain['tokens_per_second']:5.2f} times the speed "
      f"({speed(ours)} against {speed(plain)})", flush=True)
