"""The quick start's task: a chain of additions and subtractions of small numbers, asked plainly or as a story.

    Compute 20-8+4.
    Mia has 20 cards. She loses 8. She buys 4. How many cards now?

Every running value lies in 0..99. A fixed eighth of all chains, chosen by a hash, is held out: neither the training
problems nor the warm start contain them, in any wording.
"""

import random
import zlib
from dataclasses import dataclass

LARGEST_START, LARGEST_STEP, LARGEST_VALUE = 50, 9, 99
HELD_OUT_SHARE = 8  # One chain in this many.

PRONOUNS = {"Ann": "She", "Ben": "He", "Eva": "She", "Tom": "He", "Mia": "She", "Sam": "He"}
THINGS = ("pens", "coins", "cards", "books")
GAINS = ("buys", "finds", "gets", "wins")
LOSSES = ("loses", "sells", "gives away", "drops")


@dataclass(frozen=True)
class Chain:
    start: int
    steps: tuple  # Signed: (-8, +4) for "-8+4".

    @property
    def answer(self):
        return self.start + sum(self.steps)

    @property
    def expression(self):
        return str(self.start) + "".join(f"{step:+d}" for step in self.steps)

    @property
    def held_out(self):
        return zlib.crc32(self.expression.encode()) % HELD_OUT_SHARE == 0


def draw_chain(rng: random.Random, length: int, held_out: bool) -> Chain:
    """A chain of `length` numbers from the held-out part of all chains, or from the rest."""
    while True:
        start = value = rng.randint(1, LARGEST_START)
        steps = []
        for _ in range(length - 1):
            step = rng.choice([s for s in range(-LARGEST_STEP, LARGEST_STEP + 1)
                               if s != 0 and 0 <= value + s <= LARGEST_VALUE])
            steps.append(step)
            value += step
        chain = Chain(start, tuple(steps))
        if chain.held_out == held_out:
            return chain


def ask(rng: random.Random, chain: Chain) -> str:
    """The problem's text: an expression or a story, with equal chances."""
    if rng.random() < 0.5:
        return f"Compute {chain.expression}."
    name, thing = rng.choice(tuple(PRONOUNS)), rng.choice(THINGS)
    sentences = [f"{name} has {chain.start} {thing}."]
    for step in chain.steps:
        sentences.append(f"{PRONOUNS[name]} {rng.choice(GAINS if step > 0 else LOSSES)} {abs(step)}.")
    sentences.append(f"How many {thing} now?")
    return " ".join(sentences)


# How a solution is written: this many operations a line before the boxed answer; none means the answer alone.
STYLES = {"direct": 0, "running": 1, "pairs": 2}


def solve(chain: Chain, style: str) -> str:
    """A correct response, without a stop token:  20-8=12 / 12+4=16 / \\boxed{16}  in the style `running`."""
    lines = []
    value, per_line = chain.start, STYLES[style]
    for first in range(0, len(chain.steps) if per_line else 0, per_line or 1):
        part = Chain(value, chain.steps[first:first + per_line])
        value = part.answer
        lines.append(f"{part.expression}={value}")
    return "\n".join([*lines, f"\\boxed{{{chain.answer}}}"])
