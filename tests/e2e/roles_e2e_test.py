"""Runs whose roles are processes of their own, as a cluster starts them: a learner that dies or is stopped comes back, and the
workers have been there all the time, with versions that the new learner has yet to train."""

import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from run_dir import await_step, rows

SOURCE = pathlib.Path(os.environ["MASPO_SOURCE_DIR"])
sys.path.append(str(SOURCE / "tests/support"))
from ports import free_address

BIN = pathlib.Path(os.environ["MASPO_BIN_DIR"])
CONFIG = SOURCE / "deploy/configs/quickstart.yaml"
STEPS = 6
# Synchronous, so that the same weights come out whatever happens; a step after the checkpoint is lost with the learner.
SETTINGS = (f"run.steps={STEPS}", "run.checkpoint_interval=3", "run.stall_seconds=60", "learner.max_staleness=0",
            "evaluation.samples=1", "evaluation.k=1", "network.heartbeat_timeout_seconds=3")


class RolesTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.run_dir = self.folder / "run"
        self.settings = SETTINGS
        self.learner, self.reward = free_address(), free_address()

    def start(self, program, *arguments, name, log=None):
        """The process, which logs to NAME.log unless told otherwise."""
        command = [BIN / program, "--config", CONFIG, "--name", name, *arguments]
        for setting in (*self.settings, f"network.learner={self.learner}", f"network.reward_servers=[{self.reward}]"):
            command += ["--set", setting]
        with open(self.folder / f"{log or name}.log", "ab") as file:
            process = subprocess.Popen(command, stdout=file, stderr=file)
        self.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))
        return process

    def start_learner(self, *arguments):
        return self.start("maspo-learner", "--run-dir", self.run_dir, *arguments, name="learner")

    def start_others(self):
        self.reward_server = self.start("maspo-reward-server", "--listen", self.reward, name="reward-server")
        return [self.start("maspo-rollout-worker", name=f"rollout-worker-{i}") for i in range(2)]

    def log(self, name):
        return (self.folder / f"{name}.log").read_text()

    def await_in_logs(self, text, count, names=("rollout-worker-0", "rollout-worker-1")):
        """Until each of these logs has the text so many times."""
        deadline = time.monotonic() + 60
        while not all(self.log(name).count(text) >= count for name in names):
            if time.monotonic() > deadline:
                self.fail("\n".join(f"{name} lacks {count} times '{text}':\n{self.log(name)}" for name in names))
            time.sleep(0.02)

    def check_end(self, learner, workers):
        """The run comes to its end, and so do all. How long steps take is the machine's affair; that there are some, the learner
        sees to with run.stall_seconds."""
        try:
            self.assertEqual(learner.wait(timeout=480), 0, self.log("learner"))
            for i, worker in enumerate(workers):
                self.assertEqual(worker.wait(timeout=60), 0, self.log(f"rollout-worker-{i}"))
        except subprocess.TimeoutExpired as error:
            self.fail("\n".join([str(error), *(f"{log.name}:\n{log.read_text()}" for log in self.folder.glob("*.log"))]))
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

    def resume(self, registrations):
        """The next learner. Nothing is judged until both workers are back, each with so many registrations in its log: what is
        left of the run takes one of them a moment, and the other, which may look for the learner a second later, could come when
        all is over."""
        self.reward_server.send_signal(signal.SIGSTOP)
        learner = self.start_learner("--resume")
        self.await_in_logs("registered as", registrations)
        self.reward_server.send_signal(signal.SIGCONT)
        return learner

    def test_workers_follow_a_killed_learner_back_to_its_checkpoint(self):
        weights = self.undisturbed()
        learner = self.start_learner()
        workers = self.start_others()
        await_step(self.run_dir, 5)  # The checkpoint is that of step 3, the workers have version 5.
        learner.send_signal(signal.SIGKILL)
        learner.wait()
        self.assertEqual(self.check_end(self.resume(registrations=3), workers), weights)  # One was in the undisturbed run.

    def test_workers_wait_for_a_learner_that_was_stopped(self):
        learner = self.start_learner()
        workers = self.start_others()
        await_step(self.run_dir, 2)
        learner.send_signal(signal.SIGTERM)
        self.assertEqual(learner.wait(timeout=60), 75, self.log("learner"))
        self.await_in_logs("does not answer", 1)
        # A worker that took the stop for the end would never come back.
        self.check_end(self.resume(registrations=2), workers)

    def test_workers_of_one_name_share_a_run(self):
        learner = self.start_learner()
        self.start("maspo-reward-server", "--listen", self.reward, name="reward-server")
        workers = [self.start("maspo-rollout-worker", name="worker", log=f"rollout-worker-{i}") for i in range(2)]
        self.check_end(learner, workers)
        for i in range(2):
            self.assertEqual(self.log(f"rollout-worker-{i}").count("registered as"), 1)
        ledger = rows(self.run_dir / "ledger.jsonl")
        self.assertEqual(len({event["worker"] for event in ledger if event["event"] == "issued"}), 2)

    def test_workers_end_within_a_second_of_the_run_however_long_their_heartbeats_are_apart(self):
        self.settings += ("network.heartbeat_seconds=20", "network.heartbeat_timeout_seconds=60")
        learner = self.start_learner()
        workers = self.start_others()
        self.assertEqual(learner.wait(timeout=180), 0, self.log("learner"))
        end = time.monotonic()
        self.assertEqual([worker.wait(timeout=30) for worker in workers], [0, 0])
        self.assertLess(time.monotonic() - end, 2)

    def test_a_role_that_may_open_too_few_files_says_so(self):
        for program in ("maspo-reward-server", "maspo-rollout-worker", "maspo-learner"):
            more = ["--run-dir", self.run_dir] if program == "maspo-learner" else []
            ended = subprocess.run([BIN / program, "--config", CONFIG, *more], capture_output=True, text=True,
                                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32)))
            self.assertEqual(ended.returncode, 2, ended.stderr)
            self.assertIn("may open 32 files and sockets, and needs 48: raise the limit with ulimit -n 48", ended.stderr)

    def test_every_role_says_by_its_exit_code_how_it_ended(self):
        """docs/exit-codes.md."""
        worker = self.start("maspo-rollout-worker", name="rollout-worker-0")  # Waits for a learner.
        reward = self.start("maspo-reward-server", "--listen", self.reward, name="reward-server")
        learner = self.start_learner()
        self.await_in_logs("registered as", 1, ["rollout-worker-0"])
        self.await_in_logs("verifying answers at", 1, ["reward-server"])
        for process, code in ((worker, 75), (reward, 0), (learner, 75)):
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(timeout=60), code, process.args)
        lonely = self.start("maspo-rollout-worker", name="rollout-worker-1")
        self.await_in_logs("does not answer", 1, ["rollout-worker-1"])
        lonely.send_signal(signal.SIGTERM)
        self.assertEqual(lonely.wait(timeout=10), 75)
        for program in ("maspo-learner", "maspo-rollout-worker", "maspo-reward-server", "maspo-health", "maspo"):
            def code(*arguments):
                return subprocess.run([BIN / program, *arguments], capture_output=True).returncode
            self.assertEqual(code("--version"), 0, program)
            self.assertEqual(code("--no-such-flag"), 2, program)
            self.assertEqual(code(), 2, program)
        self.assertEqual(subprocess.run([BIN / "maspo-health", self.reward], capture_output=True).returncode, 1)
        self.assertEqual(self.start_learner("--set", "run.stepz=3").wait(timeout=60), 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
