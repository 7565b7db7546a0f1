"""A group of sixteen responses of really 8,192 tokens, whose settings are otherwise as shipped: no stall, no timeout, no mismatch."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import torch
from safetensors.torch import save_file

from run_dir import rows

SOURCE = pathlib.Path(os.environ["MASPO_SOURCE_DIR"])
BIN = pathlib.Path(os.environ["MASPO_BIN_DIR"])
QUICKSTART = SOURCE / "examples/quickstart"
RESPONSES, TOKENS = 16, 8192
HIDDEN, MLP, LAYERS, HEADS, HEAD_DIM = 32, 64, 2, 2, 16


def model_that_never_stops(folder):
    """Random, with the quick start's tokenizer. The first element of its hidden state stays what it is in the embeddings, and the
    stop token's row of the head makes a logit far below all others of it."""
    folder.mkdir()
    config = json.loads((QUICKSTART / "base/config.json").read_text())
    config.update(hidden_size=HIDDEN, intermediate_size=MLP, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
                  num_key_value_heads=1, head_dim=HEAD_DIM, tie_word_embeddings=False, max_position_embeddings=2 * TOKENS)
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        shutil.copy(QUICKSTART / "base" / name, folder)
    torch.manual_seed(0)
    random = lambda *shape: torch.randn(*shape) * shape[-1] ** -0.5
    vocabulary = config["vocab_size"]
    weights = {"model.embed_tokens.weight": torch.randn(vocabulary, HIDDEN), "model.norm.weight": torch.ones(HIDDEN),
               "lm_head.weight": random(vocabulary, HIDDEN)}
    weights["model.embed_tokens.weight"][:, 0] = 5
    weights["lm_head.weight"][:, 0] = 0
    weights["lm_head.weight"][config["eos_token_id"], 0] = -100
    for layer in range(LAYERS):
        block = {"self_attn.q_proj": (HEADS * HEAD_DIM, HIDDEN), "self_attn.k_proj": (HEAD_DIM, HIDDEN),
                 "self_attn.v_proj": (HEAD_DIM, HIDDEN), "self_attn.o_proj": (HIDDEN, HEADS * HEAD_DIM),
                 "mlp.gate_proj": (MLP, HIDDEN), "mlp.up_proj": (MLP, HIDDEN), "mlp.down_proj": (HIDDEN, MLP)}
        for name, shape in block.items():
            weight = random(*shape)
            if name.endswith(("o_proj", "down_proj")):
                weight[0] = 0
            weights[f"model.layers.{layer}.{name}.weight"] = weight
        for name in "qkv":
            weights[f"model.layers.{layer}.self_attn.{name}_proj.bias"] = torch.zeros(block[f"self_attn.{name}_proj"][0])
        for name in ("input_layernorm", "post_attention_layernorm"):
            weights[f"model.layers.{layer}.{name}.weight"] = torch.ones(HIDDEN)
    save_file(weights, folder / "model.safetensors")


class LongResponsesTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.model = self.folder / "model"
        model_that_never_stops(self.model)

    def test_a_group_is_generated_verified_and_trained(self):
        settings = {"model.path": self.model, "run.steps": 1, "data.eval": "[]", "rollout.workers": 1,
                    "rollout.prompts_per_step": 1, "rollout.group_size": RESPONSES, "rollout.max_new_tokens": TOKENS,
                    "rollout.kv_cache_tokens": RESPONSES * (TOKENS + 160), "rollout.threads": 2,
                    "learner.mini_batch_groups": 1, "learner.micro_batch_tokens": 2 * TOKENS, "learner.threads": 2}
        command = [BIN / "maspo", "train", SOURCE / "deploy/configs/quickstart.yaml", "--run-dir", self.folder / "run"]
        for key, value in settings.items():
            command += ["--set", f"{key}={value}"]
        result = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        [metrics] = rows(self.folder / "run/metrics.jsonl")
        for name, value in {"response/count": RESPONSES, "response/length_mean": TOKENS, "response/truncated_fraction": 1,
                            "verdict/no_answer": RESPONSES, "group/zero_variance_fraction": 1, "optim/updates": 1}.items():
            self.assertEqual(metrics[name], value, name)
        self.assertLess(metrics["mismatch/logprob_abs_max"], 1e-4)
        log = (self.folder / "run/logs/learner.log").read_text()
        self.assertIn(f"step 1 teaches nothing: all {RESPONSES} responses were cut off, at {TOKENS} tokens", log)


if __name__ == "__main__":
    unittest.main()
