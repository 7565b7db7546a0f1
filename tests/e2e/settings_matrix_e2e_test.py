"""Every combination of two settings, on runs of two steps; and what is refused, by --dry-run, with a sentence."""

import concurrent.futures
import itertools
import json
import os
import pathlib
import random
import shutil
import socket
import struct
import subprocess
import tempfile
import unittest

from run_dir import rows

SOURCE = pathlib.Path(os.environ["MASPO_SOURCE_DIR"])
MASPO = pathlib.Path(os.environ["MASPO_BIN_DIR"]) / "maspo"
BASE = SOURCE / "examples/quickstart/base"
STEPS = 2
RUNS_AT_A_TIME = 2

# All else is as by default.
CONFIG = f"""
run: {{steps: {STEPS}, stall_seconds: 60}}
model: {{path: {BASE}}}
data: {{train: {SOURCE}/examples/quickstart/train.jsonl, eval: {SOURCE}/examples/quickstart/eval.jsonl, max_prompt_tokens: 128}}
rollout: {{prompts_per_step: 4, group_size: 4, max_new_tokens: 40}}
learner: {{mini_batch_groups: 2, optimizer: {{learning_rate: 1.0e-4}}}}
metrics: {{tensorboard: false}}
"""

# A value is the settings that it stands for.
FACTORS = {
    "advantage": [{"learner.advantage.name": name} for name in ("grpo", "rloo", "opo", "reinforce_pp", "reinforce_pp_baseline", "gae")],
    "aggregation": [{}] + [{"learner.loss_aggregation": name} for name in (
        "token-mean", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm", "group-token-mean", "all-seq-mean-token-mean")],
    "staleness": [{"learner.max_staleness": count} for count in (0, 1, 2)],
    "old_logprobs": [{}, {"learner.old_logprobs": "behavior"}, {"learner.behavior_correction": "{truncate: 2, sequence_low: 0.1}"}],
    "group_size": [{"rollout.group_size": count} for count in (4, 1)],
    "dynamic_sampling": [{}, {"learner.dynamic_sampling": "true"}],
    "sampling": [{}, {"rollout.top_p": 0.9}, {"rollout.top_k": 5, "rollout.temperature": 0.7}],
    "workers": [{"rollout.workers": count} for count in (1, 3)],
    "reward_servers": [{"reward.replicas": count} for count in (1, 2)],
    "batches": [{}, {"learner.mini_batch_groups": 3, "learner.micro_batch_tokens": 1}],
    "kl": [{}, {"learner.objective.reference_kl_coef": 0.1}],
}
# With these, every pair of FACTORS is met, and each objective several times; not each with each.
OBJECTIVES = """maspo grpo_clip clip_higher dac entropy_reg adv_reweighting entropy_adv bapo sapo sapo_paper gspo gspo_token cispo gmpo clip_cov
kl_cov gppo ce_gppo aspo""".split()


def is_possible(chosen):
    """False: refused, as REFUSED says."""
    alone = chosen.get("group_size", 0) == 1
    compares = chosen.get("advantage", 3) not in (3, 5)  # All but reinforce_pp and gae.
    return not (alone and (compares or chosen.get("dynamic_sampling", 0) == 1))


def pairwise(seed=0):
    """Combinations (factor -> number of its value) that hold every possible pair of values; greedy, the same every time."""
    chance = random.Random(seed)
    places = {name: range(len(values)) for name, values in FACTORS.items()}
    missing = {frozenset({(a, i), (b, j)}) for a, b in itertools.combinations(places, 2) for i in places[a] for j in places[b]
               if is_possible({a: i, b: j})}
    found = []
    while missing:
        best, covered = None, set()
        for _ in range(40):
            chosen = dict(chance.choice(sorted(sorted(pair) for pair in missing)))
            for name in chance.sample(sorted(places), len(places)):
                fitting = [i for i in places[name] if name not in chosen and is_possible({**chosen, name: i})]
                if fitting:
                    gain = {i: sum(frozenset({(name, i), other}) in missing for other in chosen.items()) for i in fitting}
                    chosen[name] = chance.choice([i for i in fitting if gain[i] == max(gain.values())])
            pairs = {frozenset(pair) for pair in itertools.combinations(chosen.items(), 2)} & missing
            if len(pairs) > len(covered):
                best, covered = chosen, pairs
        missing -= covered
        found.append(best)
    return found


def combinations():
    for number, chosen in enumerate(pairwise()):
        settings = {"learner.objective.name": OBJECTIVES[number % len(OBJECTIVES)]}
        for name, value in chosen.items():
            settings.update(FACTORS[name][value])
        yield settings


def arguments(settings):
    return [argument for key, value in settings.items() for argument in ("--set", f"{key}={value}")]


def weights(folder):
    """Name -> bytes of the tensors of a Hugging Face folder with one file."""
    data = (folder / "model.safetensors").read_bytes()
    size, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    return {name: (entry["dtype"], data[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]])
            for name, entry in header.items() if name != "__metadata__"}


class SettingsMatrixTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.config = self.folder / "run.yaml"
        self.config.write_text(CONFIG)

    def train(self, name, settings):
        """What is wrong with a run, in words; None if nothing."""
        run_dir = self.folder / name
        command = [MASPO, "train", self.config, "--run-dir", run_dir, *arguments({"data.eval": "[]", **settings})]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if result.returncode != 0:
            return f"exit code {result.returncode}: {result.stderr[-600:]}"
        books = subprocess.run([MASPO, "ledger", run_dir], capture_output=True, text=True, timeout=20)
        if books.returncode != 0:
            return f"the books do not balance: {books.stdout}"
        metrics = rows(run_dir / "metrics.jsonl")
        if [row["step"] for row in metrics] != list(range(1, STEPS + 1)):
            return f"steps {[row['step'] for row in metrics]}"
        if metrics[-1]["optim/skipped_updates"] != 0:
            return "updates were skipped"
        # One forward on both sides: on-policy they agree, whatever the sampling leaves out.
        if metrics[0]["rollout/staleness_max"] == 0 and metrics[0]["mismatch/logprob_abs_max"] > 1e-4:
            return f"sampler and learner differ by {metrics[0]['mismatch/logprob_abs_max']}"
        before, after = weights(BASE), weights(run_dir / f"checkpoints/step-{STEPS:08d}")
        shutil.rmtree(run_dir)
        same = [tensor for tensor in before if before[tensor] == after[tensor]]
        return f"the weights are as before: {same}" if len(same) == len(before) else None

    def test_every_two_settings_train_together(self):
        combined = list(combinations())
        with concurrent.futures.ThreadPoolExecutor(RUNS_AT_A_TIME) as pool:
            outcomes = list(pool.map(self.train, (str(i) for i in range(len(combined))), combined))
        wrong = [f"{' '.join(arguments(settings))}: {outcome}" for settings, outcome in zip(combined, outcomes) if outcome]
        self.assertEqual(wrong, [], f"{len(wrong)} of {len(combined)}")
        self.assertEqual({settings["learner.objective.name"] for settings in combined}, set(OBJECTIVES))

    @unittest.skipUnless(socket.has_ipv6 and pathlib.Path("/proc/net/if_inet6").exists(), "this machine has no IPv6")
    def test_everything_over_ipv6(self):
        self.assertIsNone(self.train("ipv6", {"network.learner": "[::1]:0", "network.reward_servers": '["[::1]:0", "[::1]:0"]',
                                              "reward.replicas": 2, "weights.listen_host": "::1", "metrics.listen_host": "::1"}))

    def dry_run(self, *more):
        return subprocess.run([MASPO, "train", self.config, "--dry-run", *more], capture_output=True, text=True, timeout=60)

    def test_what_cannot_train_is_refused_before_anything_starts(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            refused = [*REFUSED, ({"network.learner": f"127.0.0.1:{taken.getsockname()[1]}"}, "in use"),
                       ({"network.reward_servers": f"127.0.0.1:{taken.getsockname()[1]}"}, "in use")]
            for settings, sentence in refused:
                with self.subTest(settings):
                    result = self.dry_run(*arguments(settings))
                    self.assertEqual(result.returncode, 2, result.stdout[-300:] + result.stderr)
                    self.assertIn(sentence, result.stderr)
                    self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)

    def damaged(self, name, file, change):
        folder = self.folder / name
        shutil.copytree(BASE, folder)
        change(folder / file)
        return folder

    def test_a_model_that_no_worker_could_run_is_refused(self):
        def with_nan(path):
            data = bytearray(path.read_bytes())
            data[-4:] = struct.pack("<f", float("nan"))
            path.write_bytes(data)

        def with_stop_token(path):
            path.write_text(json.dumps({"eos_token_id": [1, 99999]}))

        for folder, sentence in ((self.damaged("nan", "model.safetensors", with_nan), "not finite"),
                                 (self.damaged("stop", "generation_config.json", with_stop_token), "stop token id 99999")):
            result = self.dry_run("--set", f"model.path={folder}")
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn(sentence, result.stderr)

    def test_improvement_needs_something_to_measure(self):
        result = self.dry_run("--expect-improvement", "--set", "data.eval=[]")
        self.assertEqual(result.returncode, 2)
        self.assertIn("data.eval", result.stderr)


REFUSED = [
    ({"learner.old_logprobs": "recompue"}, "did you mean recompute?"),
    ({"learner.optimizer.name": "sgd"}, "learner.optimizer.name must be adamw"),
    ({"learner.optimizer.schedule": "cosin"}, "did you mean cosine?"),
    ({"learner.objective.name": "ppo"}, "learner.objective.name must be one of maspo"),
    ({"learner.advantage.name": "remax"}, "greedy response"),
    ({"learner.loss_aggregation": "token_mean"}, "did you mean token-mean?"),
    ({"learner.objective.name": "sapo_paper", "learner.objective.gating": "none"}, "learner.objective.gating"),
    ({"rollout.group_size": 1}, "needs at least 2"),
    ({"rollout.group_size": 1, "learner.advantage.name": "gae", "learner.dynamic_sampling": "true"}, "dynamic_sampling"),
    ({"learner.old_logprobs": "behavior", "learner.behavior_correction.truncate": 2}, "needs learner.old_logprobs: recompute"),
    ({"learner.micro_batch_tokens": 1000000000, "rollout.group_size": 1000000, "network.max_message_mib": 2000}, "but this machine has"),
    ({"learner.mini_batch_groups": 5}, "more than the rollout.prompts_per_step"),
    ({"rollout.temperature": 0}, "rollout.temperature is 0"),
    ({"rollout.temperature": 0.0005}, "rollout.temperature is 0.0005"),
    ({"rollout.temperature": 5000}, "rollout.temperature is 5000"),
    ({"rollout.threads": 4294967295}, "rollout.threads is 4294967295"),
    ({"rollout.kv_block_tokens": 4294967295}, "rollout.kv_block_tokens is 4294967295"),
    ({"evaluation.temperature": 0.0005}, "evaluation.temperature is 0.0005"),
    ({"evaluation.k": 17}, "evaluation.k has 17"),
    ({"evaluation.max_new_tokens": 300, "rollout.kv_cache_tokens": 256}, "evaluation.max_new_tokens"),
    ({"evaluation.max_new_tokens": 2000}, "more than the 1024 positions"),
    ({"evaluation.samples": 1000000}, "evaluation.samples"),
    ({"metrics.port": 9464}, "set it to 0"),
    ({"metrics.listen_host": "192.0.2.1"}, "metrics.listen_host"),
    ({"weights.listen_host": "192.0.2.1"}, "weights.listen_host"),
    ({"weights.backend": "nccl"}, "needs GPUs"),
    ({"network.reward_servers": '["127.0.0.1:0", "127.0.0.1:0"]'}, "set reward.replicas"),
    ({"network.reward_servers": '["127.0.0.1:7001", "127.0.0.1:7001"]', "reward.replicas": 2}, "two processes"),
    ({"network.learner": "::1:0"}, "is not an address"),
    ({"network.token_file": "/dev/null"}, "network.token_file"),
    ({"reward.terms": "beauty=1"}, "reward.terms"),
    ({"reward.terms": "format=nan"}, "reward.terms"),
    ({"reward.rule_sets": "strict"}, "rule_sets"),
    ({"reward.external_scorers": "sums=ftp://127.0.0.1:1"}, "reward.external_scorers"),
    ({"reward.repetition_words": 0}, "reward.repetition_words"),
]

if __name__ == "__main__":
    unittest.main(verbosity=2)
