"""What `maspo plan` says that a rank holds, against its peak memory as the kernel counted it."""

import json
import os
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from reference import BIN, random_model, write_jsonl

TOKENS = 2048  # Of a micro-batch, every one of which is full.
RESPONSES = 4
PROMPT_TOKENS = 12
# What is most in each: a block's activations and gathered weights; kept block inputs; logits.
SHAPES = {
    "wide": dict(vocab_size=500, hidden_size=768, intermediate_size=2304, num_hidden_layers=3, num_attention_heads=12,
                 num_key_value_heads=2, tie_word_embeddings=False),
    "deep": dict(vocab_size=500, hidden_size=256, intermediate_size=512, num_hidden_layers=20, num_attention_heads=4,
                 num_key_value_heads=2, tie_word_embeddings=True),
    "words": dict(vocab_size=60000, hidden_size=192, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4,
                  num_key_value_heads=2, tie_word_embeddings=True),
    "small": dict(vocab_size=500, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
                  num_key_value_heads=1, tie_word_embeddings=False),
}
LEARNER = {"learner.objective.name": "maspo", "learner.micro_batch_tokens": TOKENS, "learner.mini_batch_groups": 4,
           "learner.min_micro_batches": 4, "learner.threads": 1, "data.max_prompt_tokens": PROMPT_TOKENS,
           "rollout.max_new_tokens": TOKENS // RESPONSES - PROMPT_TOKENS}


def recording(vocab_size, groups=4, responses=RESPONSES, length=(TOKENS - PROMPT_TOKENS) // RESPONSES):
    """As many groups as a mini-batch has, each of which fills a micro-batch, unless told otherwise."""
    tokens = lambda count, salt: [(salt * 7919 + i * 104729) % vocab_size for i in range(count)]
    return [{"group_id": f"g{g}", "prompt_token_ids": tokens(PROMPT_TOKENS, g),
             "responses": [{"token_ids": tokens(length, 10 * g + r), "behavior_logprobs": [-5.0] * length,
                            "reward": float(r % 2)} for r in range(responses)]} for g in range(groups)]


def peaks_of(process, ranks):
    """The largest resident size, in bytes, that each rank has had; several are started by a process that is none."""
    peaks = {}
    while process.poll() is None:
        children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
        for pid in [str(process.pid)] if ranks == 1 else children:
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue  # It has just ended.
            for line in status.splitlines():
                if line.startswith("VmHWM:"):
                    peaks[pid] = 1024 * int(line.split()[1])
        time.sleep(0.02)
    return peaks


class PlanMemoryTest(unittest.TestCase):
    def measure(self, shape, ranks, groups=None, **settings):
        overrides = {**LEARNER, "learner.ranks": ranks, **settings}
        flags = [part for key, value in overrides.items() for part in ("--set", f"{key}={value}")]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            random_model(1, max_position_embeddings=16384, **SHAPES[shape]).save_pretrained(folder / "model")
            write_jsonl(folder / "groups.jsonl", groups or recording(SHAPES[shape]["vocab_size"]))
            (folder / "learn.yaml").write_text("{}\n")
            with open(folder / "log", "w", encoding="utf-8") as log:
                process = subprocess.Popen(
                    [BIN / "maspo", "learn", "--model", folder / "model", "--config", folder / "learn.yaml", "--trajectories",
                     folder / "groups.jsonl", "--output", folder / "out", *flags], stderr=log)
                peaks = peaks_of(process, ranks)
            self.assertEqual(process.returncode, 0, (folder / "log").read_text())
            plan = subprocess.run(
                [BIN / "maspo", "plan", folder / "learn.yaml", "--learn", "--json", "--model-config",
                 folder / "model" / "config.json", "--gpus", "16", *flags], capture_output=True, text=True, check=True)
        rank = json.loads(plan.stdout)["rank"]
        print(f"{shape} {ranks} {settings}: plan {rank['total_bytes'] / 2**20:.0f} MiB at the {rank['peak']}, measured "
              + " ".join(f"{peak / 2**20:.0f}" for peak in peaks.values()), flush=True)
        self.assertEqual(len(peaks), ranks)
        return rank["total_bytes"], max(peaks.values())

    def check(self, shape, ranks, groups=None, **settings):
        planned, measured = self.measure(shape, ranks, groups, **settings)
        self.assertLess(abs(planned - measured), 0.1 * measured)

    def test_blocks(self):
        for ranks in (1, 2, 4):
            self.check("wide", ranks, **{"learner.activation_mib": 0})

    def test_kept_inputs(self):
        for ranks in (1, 2, 4):
            self.check("deep", ranks, **{"learner.activation_mib": 0})

    def test_logits(self):
        for ranks in (1, 2, 4):
            self.check("words", ranks)

    def test_kept_graphs_and_gathered_blocks(self):
        self.check("deep", 1, **{"learner.activation_mib": 300})
        self.check("deep", 2, **{"learner.keep_gathered": "true", "learner.activation_mib": 300})

    def test_sixteen_responses_of_8192_tokens(self):
        group = recording(SHAPES["small"]["vocab_size"], groups=1, responses=16, length=8192)
        self.check("small", 1, group, **{"learner.micro_batch_tokens": 16384 + 2 * PROMPT_TOKENS, "rollout.max_new_tokens": 8192,
                                         "rollout.group_size": 16, "learner.mini_batch_groups": 1, "learner.threads": 2})

    def test_bfloat16(self):
        self.check("wide", 2, **{"model.dtype": "bfloat16"})

    def test_reference_policy(self):
        self.check("wide", 2, **{"learner.objective.reference_kl_coef": 0.01, "learner.reduction": "reduce_scatter"})


if __name__ == "__main__":
    unittest.main()
