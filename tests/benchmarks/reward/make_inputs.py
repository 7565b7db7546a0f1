"""The inputs of the reward benchmark, one JSON Lines file of {id, gold, response} each: pairs.jsonl (the development
pairs), short.jsonl (responses of about 500 characters), long.jsonl (28,000 characters, one box at the end), boxes.jsonl
(the same with boxes throughout), groups.jsonl (16 responses to each problem, the recorded ones in turn) and pair-groups.jsonl
(the development pairs as such groups, in a sentence)."""

import argparse
import json
import pathlib

LONG_CHARACTERS = 28_000
GROUP_SIZE = 16
SENTENCE = "We consider the next case, in which $a_{%d} = %d$ holds, and so the sum grows to %d in all. "


def filler(characters, boxes):
    """Prose with a little mathematics, as models write it."""
    text, i = [], 0
    while sum(map(len, text)) < characters:
        sentence = SENTENCE % (i, 7 * i, 13 * i)
        text.append(sentence + (f"This would make it $\\boxed{{{i}}}$, if nothing else came. " if boxes else ""))
        i += 1
    return "".join(text)[:characters].rsplit(". ", 1)[0] + ". "


def grouped(rows, problem_of):
    """GROUP_SIZE responses to each problem: its own, repeated in turn."""
    problems = {}
    for row in rows:
        problems.setdefault(problem_of(row), []).append(row)
    return [members[i % len(members)] for members in problems.values() for i in range(GROUP_SIZE)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", required=True, help="answer_pairs_dev.jsonl")
    parser.add_argument("--responses", required=True, help="gsm8k_responses.jsonl")
    parser.add_argument("--output", required=True, help="folder")
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in open(arguments.pairs)]
    pairs = [{"id": row["id"], "gold": row["gold"], "response": row["pred"]} for row in rows]
    responses = [json.loads(line) for line in open(arguments.responses)]
    short = [{"id": str(row["id"]), "gold": f"${row['gold']}$", "response": row["response"]} for row in responses]
    short = [row for row in short if 300 < len(row["response"]) < 700][:500]

    def long(boxes):
        text = filler(LONG_CHARACTERS, boxes)
        return [dict(row, response=text + f"Therefore the answer is $\\boxed{{{row['gold'].strip('$')}}}$.") for row in short[:60]]

    groups = grouped(responses, lambda row: row["id"].rsplit("-", 1)[0])
    pair_groups = grouped([dict(row, response=f"So the answer is {row['response']}.") for row in pairs], lambda row: row["gold"])
    for name, rows in (("pairs", pairs), ("short", short), ("long", long(False)), ("boxes", long(True)), ("groups", groups),
                       ("pair-groups", pair_groups)):
        with open(pathlib.Path(arguments.output) / f"{name}.jsonl", "w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


if __name__ == "__main__":
    main()
