"""The quick start's committed files are what their generators write, and hold what their comments promise."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

QUICKSTART = pathlib.Path(__file__).resolve().parents[2] / "examples" / "quickstart"
GAIN, LOSS = r"(?:buys|finds|gets|wins)", r"(?:loses|sells|gives away|drops)"


def read_jsonl(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def run(script, *arguments):
    subprocess.run([sys.executable, "-B", QUICKSTART / script, *arguments], check=True)


def terms_of(problem):
    """Signed terms, read from the text alone: [20, -8, 4] for 20-8+4 in either wording."""
    if problem.startswith("Compute "):
        return [int(term) for term in re.findall(r"[+-]?\d+", problem)]
    start = re.match(r"\w+ has (\d+) ", problem)
    changes = re.findall(rf"(?:({GAIN})|{LOSS}) (\d+)\.", problem)
    return [int(start[1])] + [int(number) if gain else -int(number) for gain, number in changes]


class ProblemsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.train, cls.eval, cls.ood = (read_jsonl(QUICKSTART / f"{name}.jsonl") for name in ("train", "eval", "ood"))
        cls.all = cls.train + cls.eval + cls.ood

    def test_committed_files_are_what_the_generator_writes(self):
        with tempfile.TemporaryDirectory() as folder:
            run("make_problems.py", "--seed", "0", "--output", folder)
            for name in ("train.jsonl", "eval.jsonl", "ood.jsonl"):
                self.assertEqual((pathlib.Path(folder) / name).read_bytes(), (QUICKSTART / name).read_bytes(), name)

    def test_answers_are_the_sums_of_the_terms_in_the_text(self):
        for row in self.all:
            self.assertEqual(row["answer"], str(sum(terms_of(row["problem"]))), row)

    def test_source_names_the_number_of_terms(self):
        for row in self.all:
            self.assertEqual(row["source"], f"chain-n{len(terms_of(row['problem']))}", row)

    def test_running_values_stay_within_two_digits(self):
        for row in self.all:
            terms = terms_of(row["problem"])
            for count in range(1, len(terms) + 1):
                self.assertTrue(0 <= sum(terms[:count]) <= 99, row)

    def test_every_length_has_its_share(self):
        def count(rows):
            lengths = [row["source"] for row in rows]
            return {length: lengths.count(length) for length in sorted(set(lengths))}
        self.assertEqual(count(self.train), {f"chain-n{n}": 820 for n in range(2, 7)})
        self.assertEqual(count(self.eval), {f"chain-n{n}": 60 for n in range(2, 7)})
        self.assertEqual(count(self.ood), {f"chain-n{n}": 60 for n in (7, 8)})

    def test_ids_and_texts_are_unique(self):
        for field in ("id", "problem"):
            self.assertEqual(len({row[field] for row in self.all}), len(self.all), field)

    def test_no_held_out_chain_is_trained_on_in_any_wording(self):
        trained = {tuple(terms_of(row["problem"])) for row in self.train}
        for row in self.eval + self.ood:
            self.assertNotIn(tuple(terms_of(row["problem"])), trained, row)


class WarmStartTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "sft.jsonl"
            run("make_sft.py", "--seed", "0", "--output", str(path))
            cls.lines = read_jsonl(path)
        cls.terms = [terms_of(line["messages"][0]["content"]) for line in cls.lines]

    def style(self, index):
        # Two terms are written alike by `running` and `pairs`: both count as running here.
        equations = self.lines[index]["response"].splitlines()[:-1]
        if not equations:
            return "direct"
        return "running" if len(equations) == len(self.terms[index]) - 1 else "pairs"

    def test_is_950_batches_of_64(self):
        self.assertEqual(len(self.lines), 950 * 64)

    def test_every_equation_is_true_and_the_box_holds_the_answer(self):
        for line, terms in zip(self.lines, self.terms):
            *equations, box = line["response"].splitlines()
            for equation in equations:
                left, right = equation.split("=")
                self.assertEqual(sum(int(term) for term in re.findall(r"[+-]?\d+", left)), int(right), line)
            self.assertEqual(box, f"\\boxed{{{sum(terms)}}}", line)

    def test_begins_with_the_shortest_chains_one_operation_a_line(self):
        first = range(361 * 64)
        self.assertTrue(all(self.style(i) == "running" for i in first))
        self.assertAlmostEqual(sum(len(self.terms[i]) == 2 for i in first) / len(first), 0.92, delta=0.01)

    def test_other_styles_come_only_in_the_last_fifth(self):
        self.assertTrue(all(self.style(i) == "running" for i in range(760 * 64)))
        last = [i for i in range(760 * 64, 950 * 64) if len(self.terms[i]) > 2]
        for style, share in (("direct", 0.45), ("pairs", 0.30), ("running", 0.25)):
            self.assertAlmostEqual(sum(self.style(i) == style for i in last) / len(last), share, delta=0.02, msg=style)

    def test_has_every_length_that_is_trained_later(self):
        self.assertEqual({len(terms) for terms in self.terms[760 * 64:]}, {2, 3, 4, 5, 6})

    def test_contains_no_held_out_chain_in_any_wording(self):
        warm = {tuple(terms) for terms in self.terms}
        for row in read_jsonl(QUICKSTART / "eval.jsonl"):
            self.assertNotIn(tuple(terms_of(row["problem"])), warm, row)


class TokenizerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tokenizer, cls.tokenizer_config, cls.generation_config, cls.config = (
            json.loads((QUICKSTART / "base" / f"{name}.json").read_text())
            for name in ("tokenizer", "tokenizer_config", "generation_config", "config"))
        cls.special = {token["content"]: token["id"] for token in cls.tokenizer["added_tokens"]}

    def test_files_agree_on_the_special_tokens(self):
        stop, pad = self.special["<|im_end|>"], self.special["<|endoftext|>"]
        for config in (self.generation_config, self.config):
            self.assertEqual((config["eos_token_id"], config["pad_token_id"]), (stop, pad))
        self.assertEqual(self.tokenizer_config["eos_token"], "<|im_end|>")
        decoder = self.tokenizer_config["added_tokens_decoder"]
        self.assertEqual({token["content"]: int(id) for id, token in decoder.items()}, self.special)

    def test_every_token_has_an_embedding_row(self):
        ids = [*self.tokenizer["model"]["vocab"].values(), *self.special.values()]
        self.assertEqual(sorted(ids), list(range(len(ids))))
        self.assertLessEqual(len(ids), self.config["vocab_size"])

    def test_committed_files_are_what_the_generator_writes(self):
        try:
            import tokenizers  # noqa: F401
        except ImportError:
            if os.environ.get("MASPO_REQUIRE_TOOLS"):
                raise
            self.skipTest("needs the package tokenizers; scripts/test makes a Python that has it")
        with tempfile.TemporaryDirectory() as folder:
            run("make_tokenizer.py", "--seed", "0", "--output", folder)
            for path in pathlib.Path(folder).iterdir():
                self.assertEqual(path.read_bytes(), (QUICKSTART / "base" / path.name).read_bytes(), path.name)


if __name__ == "__main__":
    unittest.main()
