"""Writes train.jsonl, eval.jsonl and ood.jsonl, one {id, problem, answer, source} a line:

    python3 examples/quickstart/make_problems.py --seed 0 --output examples/quickstart

train: 820 problems of each length 2..6, shuffled. eval: 60 held-out ones of each of these lengths. ood: 60 of each of the
lengths 7 and 8, which no training data has. No text occurs twice.
"""

import argparse
import json
import pathlib
import random

from chain import ask, draw_chain


def make_problems(rng, lengths, per_length, held_out, prefix):
    """Rows grouped by length; ids are numbered in that order."""
    rows, seen = [], set()
    for length in lengths:
        for _ in range(per_length):
            problem = None
            while problem is None or problem in seen:
                chain = draw_chain(rng, length, held_out)
                problem = ask(rng, chain)
            seen.add(problem)
            rows.append({"id": f"{prefix}-{len(rows):04d}", "problem": problem, "answer": str(chain.answer),
                         "source": f"chain-n{length}"})
    return rows


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path(__file__).parent, help="folder")
    arguments = parser.parse_args()

    rng = random.Random(arguments.seed)
    train = make_problems(rng, range(2, 7), per_length=820, held_out=False, prefix="train")
    rng.shuffle(train)
    write_jsonl(arguments.output / "train.jsonl", train)
    write_jsonl(arguments.output / "eval.jsonl",
                make_problems(rng, range(2, 7), per_length=60, held_out=True, prefix="eval"))
    write_jsonl(arguments.output / "ood.jsonl",
                make_problems(rng, range(7, 9), per_length=60, held_out=True, prefix="ood"))


if __name__ == "__main__":
    main()
