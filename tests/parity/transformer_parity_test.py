"""Logits, log-probabilities and greedy choices of `maspo score` and of the library against transformers."""

import json
import random
import tempfile
import unittest
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import Qwen2ForCausalLM

from reference import BIN, probe, random_model, read_jsonl, run, write_jsonl

TOLERANCE = 2e-4
# Names say what is special about a shape.
SHAPES = {
    "as_quick_start": dict(vocab_size=368, hidden_size=128, intermediate_size=320, num_hidden_layers=3,
                           num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True),
    "one_kv_head_untied": dict(vocab_size=199, hidden_size=96, intermediate_size=100, num_hidden_layers=2,
                               num_attention_heads=6, num_key_value_heads=1, tie_word_embeddings=False),
    "all_kv_heads_head_dim_10": dict(vocab_size=97, hidden_size=50, intermediate_size=33, num_hidden_layers=1,
                                     num_attention_heads=5, num_key_value_heads=5, tie_word_embeddings=False),
    "head_dim_6_of_six_heads": dict(vocab_size=151, hidden_size=36, intermediate_size=77, num_hidden_layers=4,
                                    num_attention_heads=6, num_key_value_heads=3, tie_word_embeddings=True,
                                    rms_norm_eps=1e-5, rope_parameters={"rope_type": "default", "rope_theta": 1e6}),
    "head_dim_128_gqa_7": dict(vocab_size=300, hidden_size=1792, intermediate_size=512, num_hidden_layers=1,
                               num_attention_heads=14, num_key_value_heads=2, tie_word_embeddings=True,
                               rope_parameters={"rope_type": "default", "rope_theta": 1e6}),
}
LENGTHS = [1, 2, 3, 17, 64, 65, 130, 300]


def sequences(vocab_size, seed):
    generator = random.Random(seed)
    return [[generator.randrange(vocab_size) for _ in range(length)] for length in LENGTHS]


def reference_logits(model, token_ids):
    with torch.no_grad():
        return model(input_ids=torch.tensor([token_ids])).logits[0].float()


class TransformerParityTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def score(self, model_dir, token_lists, *flags):
        rows = [{"id": i, "token_ids": ids} for i, ids in enumerate(token_lists)]
        write_jsonl(self.folder / "in.jsonl", rows)
        run(BIN / "maspo", "score", "--model", model_dir, "--input", self.folder / "in.jsonl",
            "--output", self.folder / "out.jsonl", *flags)
        results = read_jsonl(self.folder / "out.jsonl")
        self.assertEqual([row["id"] for row in results], list(range(len(token_lists))))
        return [row["logprobs"] for row in results]

    def check(self, model, model_dir, seed):
        token_lists = sequences(model.config.vocab_size, seed)
        logits = [reference_logits(model, ids) for ids in token_lists]
        answers = probe(model_dir, [{"op": "logits", "ids": ids} for ids in token_lists])
        for ids, expected, answer in zip(token_lists, logits, answers):
            actual = torch.tensor(answer["logits"])
            self.assertLess((actual - expected).abs().max().item(), TOLERANCE, f"length {len(ids)}")
        for flags in ([], ["--batch-tokens", 100]):
            for ids, expected, actual in zip(token_lists, logits, self.score(model_dir, token_lists, *flags)):
                self.assertEqual(len(actual), len(ids) - 1)
                if len(ids) == 1:
                    continue
                chosen = expected[:-1].log_softmax(-1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
                self.assertLess((torch.tensor(actual) - chosen).abs().max().item(), TOLERANCE, f"length {len(ids)}")

    def test_every_shape_agrees(self):
        for seed, (name, shape) in enumerate(SHAPES.items()):
            with self.subTest(name):
                model = random_model(seed, **shape)
                model.save_pretrained(self.folder / name)
                self.check(model, self.folder / name, seed)

    def test_several_shards_agree(self):
        model = random_model(11, **SHAPES["as_quick_start"])
        model.save_pretrained(self.folder / "m", max_shard_size="500KB")
        self.assertGreater(len(list((self.folder / "m").glob("*.safetensors"))), 2)
        self.check(model, self.folder / "m", 11)

    def test_weights_stored_in_half_precision_agree(self):
        for dtype in (torch.bfloat16, torch.float16):
            with self.subTest(str(dtype)):
                model = random_model(12, dtype=dtype, **SHAPES["one_kv_head_untied"])
                folder = self.folder / str(dtype)
                model.to(dtype).save_pretrained(folder)
                self.assertIn(dtype, {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()})
                self.check(Qwen2ForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(), folder, 12)

    def test_bfloat16_is_as_close_to_float32_as_transformers_is(self):
        for name in ("as_quick_start", "one_kv_head_untied", "head_dim_6_of_six_heads"):
            with self.subTest(name):
                model = random_model(14, dtype=torch.bfloat16, **SHAPES[name])
                model.save_pretrained(self.folder / name)
                rounded = Qwen2ForCausalLM.from_pretrained(self.folder / name, dtype=torch.bfloat16).eval()
                token_lists = sequences(model.config.vocab_size, 14)[1:]
                ours, theirs, apart = [], [], []
                for ids, actual in zip(token_lists, self.score(self.folder / name, token_lists, "--dtype", "bfloat16")):
                    exact, other = (
                        reference_logits(m, ids)[:-1].log_softmax(-1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
                        for m in (model, rounded)
                    )
                    ours.append((torch.tensor(actual) - exact).abs())
                    theirs.append((other - exact).abs())
                    apart.append((torch.tensor(actual) - other).abs())
                ours, theirs, apart = (torch.cat(x).mean().item() for x in (ours, theirs, apart))
                self.assertGreater(ours, TOLERANCE / 10, "was it computed in float32?")
                self.assertLess(ours, 1.25 * theirs)
                self.assertLess(apart, 2 * theirs)

    def test_config_as_transformers_4_writes_it_agrees(self):
        model = random_model(13, **SHAPES["head_dim_6_of_six_heads"])
        model.save_pretrained(self.folder / "m")
        path = self.folder / "m" / "config.json"
        config = json.loads(path.read_text())
        config["rope_theta"] = config.pop("rope_parameters")["rope_theta"]
        config["torch_dtype"] = config.pop("dtype")
        config.pop("layer_types", None)
        path.write_text(json.dumps(config))
        self.check(model, self.folder / "m", 13)


if __name__ == "__main__":
    unittest.main()
