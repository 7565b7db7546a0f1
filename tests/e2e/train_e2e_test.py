"""Whole runs of `maspo train` with real processes: what a user sees, what the files say, and what a kill -9 changes."""

import html
import json
import math
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from run_dir import await_step, rows

SOURCE = pathlib.Path(os.environ["MASPO_SOURCE_DIR"])
BIN = pathlib.Path(os.environ["MASPO_BIN_DIR"])
CONFIG = SOURCE / "deploy/configs/quickstart.yaml"
FIXED_KEYS = """step policy_version reward/mean policy/entropy response/length_mean policy/gate_mean policy/gated_fraction
policy/kl_old mismatch/logprob_abs_mean mismatch/logprob_abs_max optim/grad_norm optim/learning_rate rollout/staleness_mean
throughput/response_tokens_per_s time/step_s""".split()


def children(pid):
    """Processes whose parent is `pid`, by program name."""
    found = {}
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            command = (status.parent / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if fields.get("PPid", "").strip() == str(pid):
            found.setdefault(pathlib.Path(command[0].decode()).name, []).append(int(status.parent.name))
    return found


class TrainTest(unittest.TestCase):
    def setUp(self):
        if not (SOURCE / "examples/quickstart/base/model.safetensors").exists():
            self.fail("examples/quickstart/base/model.safetensors is missing; make it with make quickstart-model")
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.run_dir = self.folder / "run"

    def start(self, *settings, steps=4, resume=False, samples=2):
        command = [BIN / "maspo", "train", CONFIG, "--run-dir", self.run_dir]
        for setting in (f"run.steps={steps}", f"evaluation.samples={samples}", "evaluation.k=1", *settings):
            command += ["--set", setting]
        if resume:
            command.append("--resume")
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def finish(self, process, code=0):
        output, _ = process.communicate(timeout=240)
        self.assertEqual(process.returncode, code, output)
        return output

    def check_books(self, steps):
        result = subprocess.run([BIN / "maspo", "ledger", self.run_dir], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        metrics = rows(self.run_dir / "metrics.jsonl")
        self.assertEqual([row["step"] for row in metrics], list(range(1, steps + 1)))
        trained = [event["group"] for event in rows(self.run_dir / "ledger.jsonl") if event["event"] == "trained"]
        self.assertEqual(len(trained), 16 * steps)
        self.assertEqual(len(set(trained)), 16 * steps)
        return metrics

    def weights(self, steps):
        return (self.run_dir / f"checkpoints/step-{steps:08d}/model.safetensors").read_bytes()

    def test_a_run_trains_measures_and_balances(self):
        output = self.finish(self.start())
        metrics = self.check_books(4)
        for row in metrics:
            for key in FIXED_KEYS:
                self.assertTrue(math.isfinite(row[key]), key)
            # Sampler and learner run one forward: where the weights are the same, so are the log-probabilities.
            if row["rollout/staleness_max"] == 0:
                self.assertLess(row["mismatch/logprob_abs_max"], 1e-4)
        self.assertIn("held-out problems", output)
        self.assertEqual([row["step"] for row in rows(self.run_dir / "evaluations.jsonl")], [0, 4])
        self.assertTrue((self.run_dir / "config.yaml").exists())
        self.assertTrue(list((self.run_dir / "tensorboard").glob("*tfevents*")))
        for name in ("learner", "reward-server-0", "rollout-worker-0", "rollout-worker-1"):
            self.assertTrue((self.run_dir / f"logs/{name}.log").exists())
        again = self.start()
        self.assertIn("--resume", self.finish(again, code=2))
        self.check_views()

    def check_views(self):
        """What people look at afterwards: page, trace, books."""
        def maspo(*arguments):
            return subprocess.run([BIN / "maspo", *arguments], check=True, capture_output=True, text=True).stdout
        maspo("report", self.run_dir)
        page = (self.run_dir / "report.html").read_text()
        sample = rows(self.run_dir / "samples.jsonl")[0]
        self.assertEqual(len(sample["responses"]), 16)
        for text in ("reward/mean", "Held-out accuracy", html.escape(sample["prompt"].splitlines()[0])):
            self.assertIn(text, page)
        maspo("trace", self.run_dir)
        slices = json.loads((self.run_dir / "trace.json").read_text())["traceEvents"]
        ledger = json.loads(maspo("ledger", self.run_dir, "--json"))
        for name in ("lease", "prefill", "decode", "verify"):
            self.assertEqual(sum(slice["name"] == name for slice in slices), ledger["scored"])
        self.assertTrue(all(slice["dur"] >= 0 for slice in slices if slice["ph"] == "X"))

    def test_a_killed_worker_changes_nothing_but_the_time(self):
        process = self.start(steps=6)
        await_step(self.run_dir, 2)
        os.kill(children(process.pid)["maspo-rollout-worker"][0], signal.SIGKILL)
        self.finish(process)
        self.check_books(6)

    def test_a_killed_reward_server_changes_nothing_but_the_time(self):
        process = self.start(steps=6)
        await_step(self.run_dir, 2)
        os.kill(children(process.pid)["maspo-reward-server"][0], signal.SIGKILL)
        self.finish(process)
        self.check_books(6)

    def test_roles_that_were_asked_to_end_before_the_run_did_are_started_again(self):
        process = self.start(steps=6)
        await_step(self.run_dir, 2)
        for name in ("maspo-reward-server", "maspo-rollout-worker"):  # They end with 0 and 75.
            os.kill(children(process.pid)[name][0], signal.SIGTERM)
        output = self.finish(process)
        self.assertIn("reward-server-0 ended with exit code 0", output)
        self.assertIn("rollout-worker-0 ended with exit code 75", output)
        self.check_books(6)

    def test_a_killed_learner_is_resumed_to_the_same_weights(self):
        synchronous = ("learner.max_staleness=0", "run.checkpoint_interval=2")
        self.finish(self.start(*synchronous, steps=5))
        undisturbed = self.weights(5)
        shutil.rmtree(self.run_dir)

        process = self.start(*synchronous, steps=5)
        await_step(self.run_dir, 3)
        os.kill(children(process.pid)["maspo-learner"][0], signal.SIGKILL)
        self.assertIn("learner was killed by signal 9", self.finish(process))
        self.check_books(5)
        self.assertEqual(self.weights(5), undisturbed)

    def test_any_number_of_ranks_and_the_loss_of_one_end_in_the_same_weights(self):
        synchronous = ("learner.max_staleness=0", "run.checkpoint_interval=2")
        self.finish(self.start(*synchronous, steps=5))
        undisturbed = self.weights(5)
        shutil.rmtree(self.run_dir)

        process = self.start(*synchronous, "learner.ranks=3", steps=5)
        await_step(self.run_dir, 3)
        gang = children(process.pid)["maspo-learner"][0]
        ranks = {rank: pid for pid in children(gang)["maspo-learner"]
                 for rank in range(3) if f"--rank={rank}" in pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")}
        self.assertEqual(len(ranks), 3)
        os.kill(ranks[2], signal.SIGKILL)
        self.finish(process)
        log = (self.run_dir / "logs/learner.log").read_text()
        self.assertIn("rank 2 was ended by signal 9", log)
        self.check_books(5)
        self.assertEqual(self.weights(5), undisturbed)

    def test_stopping_writes_a_checkpoint_that_resumes(self):
        process = self.start(steps=400, resume=True)  # As a scheduler would: there is nothing to go on with yet.
        await_step(self.run_dir, 2)
        second = self.start(steps=400, resume=True)
        self.assertIn(f"is in use by process {process.pid} on", self.finish(second, code=1))
        process.send_signal(signal.SIGHUP)
        self.assertIn("--resume", self.finish(process, code=75))
        done = rows(self.run_dir / "metrics.jsonl")[-1]["step"]
        self.assertTrue((self.run_dir / f"checkpoints/step-{done:08d}/model.safetensors").exists())
        self.assertIn("data.shuffle is false", self.finish(self.start("data.shuffle=false", resume=True), code=2))
        self.finish(self.start(steps=done + 2, resume=True))
        self.check_books(done + 2)
        self.assertIn(f"nothing to do: {done + 2} steps were done", self.finish(self.start(steps=1, resume=True)))


class BadInputTest(unittest.TestCase):
    def refuse(self, *arguments, say, code=2):
        with tempfile.TemporaryDirectory() as folder:
            run_dir = pathlib.Path(folder) / "run"
            command = [BIN / "maspo", "train", CONFIG, "--run-dir", run_dir, *arguments]
            result = subprocess.run(command, capture_output=True, text=True, timeout=60)
            self.assertEqual(result.returncode, code, result.stderr)
            self.assertIn(say, result.stderr)
            self.assertFalse(run_dir.exists(), "a refused run left files behind")

    def test_each_mistake_is_named_before_anything_is_written(self):
        self.refuse("--set", "run.stepz=3", say="run.stepz")
        self.refuse("--set", "run.steps=many", say="run.steps")
        self.refuse("--set", "model.path=/nowhere", say="/nowhere")
        self.refuse("--set", "data.train=/nowhere.jsonl", say="/nowhere.jsonl")
        self.refuse("--set", "data.max_prompt_tokens=5", say="train.jsonl:1")
        self.refuse("--set", "learner.objective.clip_low=0.2", say="clip_low")
        self.refuse("--set", "rollout.max_new_tokens=100000", say="max_new_tokens")
        self.refuse("--set", "model.device=nonsense", say='device "nonsense" is not known')

    def test_a_damaged_model_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder) / "model"
            shutil.copytree(SOURCE / "examples/quickstart/base", model)
            weights = model / "model.safetensors"
            weights.write_bytes(weights.read_bytes()[:1000])
            command = [BIN / "maspo", "train", CONFIG, "--run-dir", f"{folder}/run", "--set", f"model.path={model}"]
            result = subprocess.run(command, capture_output=True, text=True, timeout=60)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn("model.safetensors", result.stderr)
            self.assertFalse((pathlib.Path(folder) / "run").exists(), "a refused run left files behind")

    def test_a_port_in_use_is_named_and_the_folder_can_be_used_again(self):
        with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            for _ in range(2):
                command = [BIN / "maspo", "train", CONFIG, "--run-dir", f"{folder}/run", "--set", f"network.learner={address}"]
                result = subprocess.run(command, capture_output=True, text=True, timeout=60)
                self.assertNotEqual(result.returncode, 0)
                self.assertIn(address, result.stderr)
                self.assertIn("in use", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
