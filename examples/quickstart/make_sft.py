"""Writes the warm start of the quick start's model: {messages, response} JSONL for `maspo sft --no-shuffle`.

    python3 examples/quickstart/make_sft.py --seed 0 --output sft.jsonl

The order of the lines is a curriculum, and the model learns nothing without it: one operation a line on the shortest
chains first, then every length, and the three styles of solution only in the last fifth. The style `running` is the
reliable one and `direct` is hopeless for so small a model; the shares of the last phase leave reinforcement learning
something to find. Held-out chains never occur.
"""

import argparse
import json
import random
from dataclasses import dataclass

from chain import ask, draw_chain, solve

BATCH_SIZE = 64  # Lines of one update of `maspo sft`.
EVERY_LENGTH = {2: 0.20, 3: 0.25, 4: 0.25, 5: 0.15, 6: 0.15}
MOSTLY_TWO = {2: 0.92, 3: 0.025, 4: 0.025, 5: 0.015, 6: 0.015}


@dataclass(frozen=True)
class Phase:
    batches: int
    lengths: dict  # Number of terms -> share of the lines.
    styles: dict   # Style of the solution -> share of the lines.


CURRICULUM = (
    Phase(361, MOSTLY_TWO, {"running": 1.0}),
    Phase(399, EVERY_LENGTH, {"running": 1.0}),
    Phase(190, EVERY_LENGTH, {"direct": 0.45, "pairs": 0.30, "running": 0.25}),
)


def draw(rng, shares):
    return rng.choices(tuple(shares), weights=tuple(shares.values()))[0]


def make_lines(rng):
    for phase in CURRICULUM:
        for _ in range(phase.batches * BATCH_SIZE):
            chain = draw_chain(rng, draw(rng, phase.lengths), held_out=False)
            yield {"messages": [{"role": "user", "content": ask(rng, chain)}],
                   "response": solve(chain, draw(rng, phase.styles))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", required=True, help="file")
    arguments = parser.parse_args()

    with open(arguments.output, "w") as out:
        for line in make_lines(random.Random(arguments.seed)):
            out.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
