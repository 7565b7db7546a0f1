"""Judges pairs with the metric prime_math of the PyPI package verl, and writes {gold, response, equal, answer} for each:

  scripts/python-env .venv-prime tests/reward_server/prime_math/requirements.txt without-torch
  .venv-prime/bin/python tests/reward_server/prime_math/prime_math_reference.py --output tests/reward_server/prime_math/goldens.jsonl

Without --pairs the pairs are those of pairs.jsonl beside it; otherwise those of a JSON Lines file of {gold, response} or
{gold, pred}. Dollars around a gold answer are dropped, as the metric expects it bare."""

import argparse
import importlib.util
import json
import pathlib
import sys
import types

HERE = pathlib.Path(__file__).parent


def load_prime_math():
    """Imports the one module; verl's packages would import all of verl and torch."""
    root = pathlib.Path(importlib.util.find_spec("verl").submodule_search_locations[0])
    for name in ("verl", "verl.utils", "verl.utils.reward_score"):
        package = types.ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    metric = types.ModuleType("verl.utils.metric")  # Needs torch; of no use here.
    metric.Metric = object
    sys.modules["verl.utils.metric"] = metric
    from verl.utils.reward_score import prime_math

    return prime_math


def bare(gold):
    return gold[1:-1] if len(gold) > 2 and gold[0] == gold[-1] == "$" and "$" not in gold[1:-1] else gold


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=pathlib.Path, default=HERE / "pairs.jsonl")
    parser.add_argument("--output", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    prime_math = load_prime_math()
    rows = [json.loads(line) for line in open(arguments.pairs)]
    with open(arguments.output, "w") as output:
        for row in rows:
            gold, response = bare(row["gold"]), row.get("response", row.get("pred"))
            correct, _, answer = prime_math.compute_score(response, gold)
            line = {"gold": gold, "response": response, "equal": bool(correct), "answer": answer}
            output.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
