"""A learner of three ranks that loses each of them in each phase of a step: the run ends in the weights of the undisturbed one."""

import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from run_dir import rows

SOURCE = pathlib.Path(os.environ["MASPO_SOURCE_DIR"])
BIN = pathlib.Path(os.environ["MASPO_BIN_DIR"])
CONFIG = SOURCE / "deploy/configs/quickstart.yaml"
RANKS = 3
PHASES = ("old log-probabilities", "update", "publish", "checkpoint")
GROUPS = 16  # A step.
# Synchronous, so that the same weights come out whatever happens.
SETTINGS = ("learner.max_staleness=0", "run.checkpoint_interval=1", "run.keep_checkpoints=1", "evaluation.samples=1",
            "evaluation.k=1", "learner.old_logprobs=recompute", "learner.rank_timeout_seconds=4", "data.eval=[]")


class RankFaultsTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def start(self, name, *settings):
        self.run_dir = self.folder / name
        command = [BIN / "maspo", "train", CONFIG, "--run-dir", self.run_dir, "--log-level", "debug"]
        for setting in (*SETTINGS, *settings):
            command += ["--set", setting]
        self.output = self.folder / f"{name}.log"
        with open(self.output, "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        self.addCleanup(lambda: process.poll() is None and (process.terminate(), process.wait()))
        return process

    def finish(self, process, steps):
        """-> the weights that the run ended in, with its books balanced."""
        self.assertEqual(process.wait(timeout=300), 0, self.output.read_text()[-3000:])
        ledger = subprocess.run([BIN / "maspo", "ledger", self.run_dir], capture_output=True, text=True)
        self.assertEqual(ledger.returncode, 0, ledger.stdout + ledger.stderr)
        self.assertEqual([row["step"] for row in rows(self.run_dir / "metrics.jsonl")], list(range(1, steps + 1)))
        trained = [event["group"] for event in rows(self.run_dir / "ledger.jsonl") if event["event"] == "trained"]
        self.assertEqual(len(set(trained)), GROUPS * steps)
        self.assertEqual(len(trained), GROUPS * steps)
        return (self.run_dir / f"checkpoints/step-{steps:08d}/model.safetensors").read_bytes()

    def log(self):
        path = self.run_dir / "logs/learner.log"
        return path.read_text() if path.exists() else ""

    def await_line(self, text, since, process):
        """Until the learner's log holds the text behind `since`; -> where it ends."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            found = self.log().find(text, since)
            if found >= 0:
                return found + len(text)
            time.sleep(0.002)
        self.fail(f"'{text}' did not come:\n{self.log()[since:][-3000:]}\n{self.output.read_text()[-1000:]}")

    def pid_of(self, rank):
        """Of the newest process that is this rank of this run."""
        pids = []
        for cmdline in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = cmdline.read_bytes().decode().split("\0")
            except OSError:
                continue
            if f"--rank={rank}" in command and str(self.run_dir) in command:
                pids.append(int(cmdline.parent.name))
        self.assertEqual(len(pids), 1, pids)
        return pids[0]

    def survive(self, name, sig, faults, steps):
        """One fault after the other, each at the first time that the rank is in the phase after the gang has begun anew."""
        process = self.start(name, f"run.steps={steps}", f"learner.ranks={RANKS}")
        seen = 0
        for rank, phase, delay in faults:
            seen = self.await_line(f"rank {rank} begins: old log-probabilities", seen, process)
            pid = self.pid_of(rank)
            if phase != PHASES[0]:
                seen = self.await_line(f"rank {rank} begins: {phase}", seen, process)
            time.sleep(delay)
            os.kill(pid, sig)
            with self.subTest(rank=rank, phase=phase, delay=delay):
                word = "was ended by signal 9" if sig == signal.SIGKILL else "has been stopped by a signal"
                seen = self.await_line(f"rank {rank} {word}", seen, process)
        return self.finish(process, steps)

    def undisturbed(self, steps):
        weights = self.finish(self.start("undisturbed", f"run.steps={steps}"), steps)
        shutil.rmtree(self.run_dir)
        return weights

    def test_a_killed_rank_is_replaced_whatever_it_was_doing(self):
        generator = random.Random(1)
        faults = [(rank, phase, generator.choice((0, 0.01, 0.05))) for phase in PHASES for rank in range(RANKS)]
        steps = len(faults) + 1  # Each fault costs the step that it falls into, and the gang begins it again.
        weights = self.undisturbed(steps)
        self.assertEqual(self.survive("killed", signal.SIGKILL, faults, steps), weights)

    def test_a_rank_that_stands_still_is_replaced(self):
        faults = [(rank, phase, 0) for rank, phase in enumerate(("update", "old log-probabilities", "publish"))]
        steps = len(faults) + 1
        weights = self.undisturbed(steps)
        self.assertEqual(self.survive("stopped", signal.SIGSTOP, faults, steps), weights)
        self.assertRegex(self.log(), r"rank \d of 3, (update|old log-probabilities): ")


if __name__ == "__main__":
    unittest.main()
