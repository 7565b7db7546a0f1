"""`maspo learn` on one, two and four ranks against an update written in plain PyTorch over transformers."""

import json
import random
import subprocess
import tempfile
import unittest
from pathlib import Path

import torch
from safetensors.torch import load_file

from reference import BIN, random_model, run, write_jsonl

LEARNER = ("learner: {objective: {name: %s}, advantage: {name: grpo}, loss_aggregation: token-mean, mini_batch_groups: 2, "
           "optimizer: {name: adamw, learning_rate: 1.0e-3, beta1: 0.9, beta2: 0.95, eps: 1.0e-8, weight_decay: %s, "
           "max_grad_norm: 1.0}, shuffle: false}\n")
SHAPES = {
    "tied": dict(vocab_size=211, hidden_size=64, intermediate_size=96, num_hidden_layers=5, num_attention_heads=4,
                 num_key_value_heads=2, tie_word_embeddings=True),
    "untied_wide_heads": dict(vocab_size=307, hidden_size=48, intermediate_size=77, num_hidden_layers=3,
                              num_attention_heads=6, num_key_value_heads=1, tie_word_embeddings=False),
}


def recording(vocab_size, num_groups, seed):
    """Groups of four responses: empty ones, short ones, one group without a difference in reward."""
    generator = random.Random(seed)
    tokens = lambda count: [generator.randrange(vocab_size) for _ in range(count)]
    rows = []
    for g in range(num_groups):
        responses = [{"token_ids": tokens(length), "behavior_logprobs": [-generator.random() for _ in range(length)],
                      "reward": 1.0 if g == 1 or generator.random() < 0.5 else -1.0}
                     for length in (generator.randrange(3), 5, generator.randrange(8, 30), 41)]
        rows.append({"group_id": f"g{g}", "prompt_token_ids": tokens(generator.randrange(1, 12)), "responses": responses})
    return rows


def token_logprobs(model, prompt, response):
    ids = torch.tensor([prompt + response])
    logits = model(input_ids=ids[:, :-1]).logits[0, len(prompt) - 1:].float()
    return torch.log_softmax(logits, -1).gather(1, torch.tensor(response)[:, None])[:, 0]


def grpo_advantages(rewards):
    rewards = torch.tensor(rewards, dtype=torch.float64)
    return ((rewards - rewards.mean()) / (rewards.std() + 1e-6)).float()


def maspo_loss(ratio, old, advantage, sigma_base=1.0, alpha=0.3, beta_high=0.03, beta_low=0.03):
    """Equations 5 to 8, 19 and 20 of arXiv 2602.17550, with the limits that docs/objectives.md gives."""
    mass = (sigma_base * torch.exp(-alpha * old)).clamp(max=10)
    risk = torch.where(advantage > 0, 1 + beta_high * advantage, 1 / (1 - beta_low * advantage.clamp(max=0)))
    sigma = mass * risk.clamp(0.1, 10)
    rho = ratio.detach()
    gated = ((advantage > 0) & (rho > 1)) | ((advantage < 0) & (rho < 1))
    gate = torch.where(gated, torch.exp(-((rho - 1) / sigma) ** 2 / 2), torch.ones_like(rho))
    return -gate * ratio * advantage


def clip_loss(ratio, old, advantage):
    return -torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)


def plain_update(model, rows, loss_of, weight_decay):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=weight_decay)
    with torch.no_grad():
        old = [[token_logprobs(model, row["prompt_token_ids"], r["token_ids"]) if r["token_ids"] else None
                for r in row["responses"]] for row in rows]
    losses = []
    for first in range(0, len(rows), 2):
        batch = range(first, min(first + 2, len(rows)))
        count = sum(len(r["token_ids"]) for g in batch for r in rows[g]["responses"])
        total = torch.zeros(())
        for g in batch:
            advantages = grpo_advantages([r["reward"] for r in rows[g]["responses"]])
            for i, response in enumerate(rows[g]["responses"]):
                if not response["token_ids"]:
                    continue
                current = token_logprobs(model, rows[g]["prompt_token_ids"], response["token_ids"])
                advantage = advantages[i].expand(current.shape)
                total = total + loss_of((current - old[g][i]).exp(), old[g][i], advantage).sum() / count
        optimizer.zero_grad()
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append((total.item(), norm.item()))
    return losses


class LearnParityTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def learn(self, output, *flags):
        command = [BIN / "maspo", "learn", "--model", self.folder / "model", "--config", self.folder / "learn.yaml",
                   "--trajectories", self.folder / "groups.jsonl", "--output", self.folder / output, "--json", *flags]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def check(self, shape, objective, loss_of, weight_decay):
        model = random_model(3, **SHAPES[shape])
        model.save_pretrained(self.folder / "model")
        rows = recording(model.config.vocab_size, 7, seed=5)
        write_jsonl(self.folder / "groups.jsonl", rows)
        (self.folder / "learn.yaml").write_text(LEARNER % (objective, weight_decay))

        updates = self.learn("one")
        for ranks in ("2", "4"):
            self.assertEqual(self.learn(ranks, "--ranks", ranks), updates, f"{ranks} ranks")
            self.assertEqual((self.folder / ranks / "model.safetensors").read_bytes(),
                             (self.folder / "one" / "model.safetensors").read_bytes(), f"{ranks} ranks")

        expected = plain_update(model, rows, loss_of, weight_decay)
        self.assertEqual(len(updates), len(expected))
        for update, (loss, norm) in zip(updates, expected):
            self.assertAlmostEqual(update["loss"], loss, delta=2e-5)
            self.assertAlmostEqual(update["grad_norm"], norm, delta=2e-4 * norm)
        ours = load_file(self.folder / "one" / "model.safetensors")
        # Adam makes a step of the learning rate of a gradient at rounding level, whose sign is nobody's: not every element.
        differences = torch.cat([(ours[name] - parameter).abs().flatten() for name, parameter in model.state_dict().items()
                                 if name in ours])
        self.assertLess((differences > 1e-5).float().mean().item(), 0.005)
        self.assertLess(differences.mean().item(), 2e-6)

    def test_maspo_tied(self):
        self.check("tied", "maspo", maspo_loss, weight_decay=0.0)

    def test_clipped_untied_with_weight_decay(self):
        self.check("untied_wide_heads", "grpo_clip", clip_loss, weight_decay=0.1)

    def test_the_folder_loads_in_transformers(self):
        model = random_model(3, **SHAPES["tied"])
        model.save_pretrained(self.folder / "model")
        write_jsonl(self.folder / "groups.jsonl", recording(model.config.vocab_size, 2, seed=5))
        (self.folder / "learn.yaml").write_text(LEARNER % ("maspo", 0.0) + "model: {dtype: bfloat16}\n")
        self.learn("out", "--ranks", "2")
        loaded = type(model).from_pretrained(self.folder / "out")
        self.assertEqual(loaded.dtype, torch.bfloat16)
        self.assertEqual({p.name for p in (self.folder / "out").iterdir()},
                         {"config.json", "generation_config.json", "model.safetensors"})

    def test_bad_recordings_are_named(self):
        random_model(3, **SHAPES["tied"]).save_pretrained(self.folder / "model")
        (self.folder / "learn.yaml").write_text(LEARNER % ("maspo", 0.0))
        good = recording(200, 1, seed=1)[0]
        response = {"token_ids": [1, 2], "behavior_logprobs": [-1, -1], "reward": 1}
        for change, said in (
            ({"prompt_token_ids": []}, '"prompt_token_ids" is empty'),
            ({"prompt_token_ids": [211]}, "vocab_size is 211"),
            ({"responses": []}, "at least one response"),
            ({"responses": [{**response, "behavior_logprobs": [-1]}]}, "has 1 numbers for 2 tokens"),
            ({"responses": [{**response, "reward": None}]}, '"reward" must be a finite number'),
            ({"responses": [{**response, "token_ids": [1] * 600, "behavior_logprobs": [-1] * 600}]}, "positions of the model"),
            ({"respones": []}, 'unknown field "respones"'),
        ):
            write_jsonl(self.folder / "groups.jsonl", [good, {**good, **change}])
            for ranks in ("1", "2"):
                command = [BIN / "maspo", "learn", "--model", self.folder / "model", "--config", self.folder / "learn.yaml",
                           "--trajectories", self.folder / "groups.jsonl", "--output", self.folder / "out", "--ranks", ranks]
                done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn("groups.jsonl:2", done.stderr)
                self.assertIn(said, done.stderr)
                self.assertFalse((self.folder / "out").exists())


if __name__ == "__main__":
    unittest.main()
