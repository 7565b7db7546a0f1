"""Greedy continuations of `maspo generate`, and their log-probabilities, against transformers."""

import random
import tempfile
import unittest
from pathlib import Path

import torch

from reference import BIN, FALLBACK_TEXTS, QWEN2_SPLIT, random_model, read_jsonl, run, train_tokenizer, write_jsonl
from transformer_parity_test import SHAPES, TOLERANCE, reference_logits

NEW_TOKENS = 48
EOS = 5


def reference_greedy(model, prompt):
    with torch.no_grad():
        ids = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), do_sample=False,
                             max_new_tokens=NEW_TOKENS, eos_token_id=EOS, pad_token_id=0)
    return ids[0, len(prompt):].tolist()


class GenerationParityTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_greedy_continuations_are_identical(self):
        for seed, name in enumerate(["as_quick_start", "one_kv_head_untied", "head_dim_6_of_six_heads"]):
            with self.subTest(name):
                self.check(seed, self.folder / name, **SHAPES[name])

    def check(self, seed, folder, **shape):
        model = random_model(100 + seed, eos_token_id=EOS, **shape)
        model.save_pretrained(folder)
        train_tokenizer(QWEN2_SPLIT, FALLBACK_TEXTS, vocab_size=300).save(str(folder / "tokenizer.json"))
        generator = random.Random(seed)
        prompts = [[generator.randrange(6, shape["vocab_size"]) for _ in range(length)] for length in (1, 2, 15, 16, 17, 33, 90)]
        write_jsonl(folder / "in.jsonl", [{"id": str(i), "token_ids": ids} for i, ids in enumerate(prompts)])
        run(BIN / "maspo", "generate", "--model", folder, "--prompts", folder / "in.jsonl", "--output", folder / "out.jsonl",
            "--temperature", 0, "--max-new-tokens", NEW_TOKENS)
        for prompt, row in zip(prompts, read_jsonl(folder / "out.jsonl"), strict=True):
            expected = reference_greedy(model, prompt)
            self.assertEqual(row["prompt_token_ids"], prompt)
            self.assertEqual(row["token_ids"], expected)
            self.assertEqual(row["finish_reason"], "stop" if expected[-1] == EOS else "length")
            logits = reference_logits(model, prompt + expected)[len(prompt) - 1:-1]
            chosen = logits.log_softmax(-1).gather(1, torch.tensor(expected)[:, None])[:, 0]
            self.assertLess((torch.tensor(row["logprobs"]) - chosen).abs().max().item(), TOLERANCE)


if __name__ == "__main__":
    unittest.main()
