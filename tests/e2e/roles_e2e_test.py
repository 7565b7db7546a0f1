"""Runs whose roles are processes of their own, as a cluster starts them: a learner that dies or is stopped comes back, and the
workers have been there all the time, with versions that the new learner has yet to train."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from run_dir import await_step, rows

SOURCE = pathlib.Path(os.environ["MASPO_SOURCE_DIR"])
BIN = pathlib.Path(os.environ["MASPO_BIN_DIR"])
CONFIG = SOURCE / "deploy/configs/quickstart.yaml"
STEPS = 6
# Synchronous, so that the same weights come out whatever happens; a step after the checkpoint is lost with the learner.
SETTINGS = (f"run.steps={STEPS}", "run.checkpoint_interval=3", "run.stall_seconds=60", "learner.max_staleness=0",
            "evaluation.samples=1", "evaluation.k=1", "network.heartbeat_timeout_seconds=3")


def free_address():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"127.0.0.1:{taken.getsockname()[1]}"


class RolesTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.run_dir = self.folder / "run"
        self.learner, self.reward = free_address(), free_address()

    def start(self, program, *arguments, name):
        command = [BIN / program, "--config", CONFIG, "--name", name, *arguments]
        for setting in (*SETTINGS, f"network.learner={self.learner}", f"network.reward_servers=[{self.reward}]"):
            command += ["--set", setting]
        with open(self.folder / f"{name}.log", "ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        self.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))
        return process

    def start_learner(self, *arguments):
        return self.start("maspo-learner", "--run-dir", self.run_dir, *arguments, name="learner")

    def start_others(self):
        self.start("maspo-reward-server", "--listen", self.reward, name="reward-server")
        return [self.start("maspo-rollout-worker", name=f"rollout-worker-{i}") for i in range(2)]

    def log(self, name):
        return (self.folder / f"{name}.log").read_text()

    def check_end(self, learner, workers):
        self.assertEqual(learner.wait(timeout=180), 0, self.log("learner"))
        for i, worker in enumerate(workers):
            self.assertEqual(worker.wait(timeout=30), 0, self.log(f"rollout-worker-{i}"))
        result = subprocess.run([BIN / "maspo", "ledger", self.run_dir], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        metrics = rows(self.run_dir / "metrics.jsonl")
        self.assertEqual([row["step"] for row in metrics], list(range(1, STEPS + 1)))
        return (self.run_dir / f"checkpoints/step-{STEPS:08d}/model.safetensors").read_bytes()

    def undisturbed(self):
        learner = self.start_learner()
        weights = self.check_end(learner, self.start_others())
        shutil.rmtree(self.run_dir)
        self.learner, self.reward = free_address(), free_address()
        return weights

    def test_workers_follow_a_killed_learner_back_to_its_checkpoint(self):
        weights = self.undisturbed()
        learner = self.start_learner()
        workers = self.start_others()
        await_step(self.run_dir, 5)  # The checkpoint is that of step 3, the workers have version 5.
        learner.send_signal(signal.SIGKILL)
        learner.wait()
        self.assertEqual(self.check_end(self.start_learner("--resume"), workers), weights)

    def test_workers_wait_for_a_learner_that_was_stopped(self):
        learner = self.start_learner()
        workers = self.start_others()
        await_step(self.run_dir, 2)
        learner.send_signal(signal.SIGTERM)
        self.assertNotEqual(learner.wait(timeout=60), 0)
        time.sleep(2)  # More than two heartbeats, each of which would tell them.
        self.assertEqual([worker.poll() for worker in workers], [None, None])
        self.check_end(self.start_learner("--resume"), workers)


if __name__ == "__main__":
    unittest.main(verbosity=2)
