"""docker compose as a user has it: build, up, the reward rises, containers die, the books balance, down.

  compose_test.py        MASPO_PREBUILT=FOLDER takes programs that make install put there; without it everything is compiled in
                         the image, which takes its time. MASPO_KEEP=1 leaves images and volumes behind.

Needs docker with `docker compose` or docker-compose. Where no registry is reached, stand-ins for the public images are made,
and Grafana stays out.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PROJECT = f"maspo-test-{os.getpid()}"
ROLES = ("learner", "rollout-worker", "reward-server")
BASE_IMAGE = os.environ.get("MASPO_BASE_IMAGE", "debian:bookworm-slim")
PROMETHEUS_IMAGE = "maspo-test/prometheus"
ENVIRONMENT = dict(os.environ, MASPO_TAG="test", MASPO_BASE_IMAGE=BASE_IMAGE, MASPO_PROMETHEUS_IMAGE=PROMETHEUS_IMAGE, MASPO_PROMETHEUS_PORT="0",
                   COMPOSE_PROJECT_NAME=PROJECT, DOCKER_BUILDKIT=os.environ.get("DOCKER_BUILDKIT", "0"))
RUN_DIR = "/runs/quickstart"
STEPS = 300  # Enough for everything that happens on the way.


def run(*command, check=True):
    result = subprocess.run(command, cwd=SOURCE, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if check and result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {result.returncode}:\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
    return result.stdout


def has_plugin():
    return subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0


COMPOSE = ["docker", "compose"] if has_plugin() else [shutil.which("docker-compose") or "docker-compose"]


def compose(*arguments, check=True):
    return run(*COMPOSE, *arguments, check=check)


def say(text):
    print(f"[{time.monotonic() - START:4.0f} s] {text}", file=sys.stderr, flush=True)


START = time.monotonic()


class ComposeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        run(SOURCE / "tests/deploy/stand_in_images.sh", BASE_IMAGE, PROMETHEUS_IMAGE)
        cls.addClassCleanup(cls.remove)
        configs = tempfile.TemporaryDirectory()
        cls.addClassCleanup(configs.cleanup)
        os.chmod(configs.name, 0o755)  # The containers' user reads it.
        text = (SOURCE / "deploy/configs/quickstart.yaml").read_text()
        text = re.sub(r"steps: 100 ", f"steps: {STEPS} ", text).replace("checkpoint_interval: 25", "checkpoint_interval: 10")
        assert f"steps: {STEPS} " in text and "checkpoint_interval: 10" in text
        (pathlib.Path(configs.name) / "quickstart.yaml").write_text(text)
        ENVIRONMENT["MASPO_CONFIGS"] = configs.name
        say("building images")
        compose("build", *ROLES)
        say("built")

    @classmethod
    def remove(cls):
        if os.environ.get("MASPO_KEEP") != "1":
            compose("down", "--volumes", check=False)

    def containers(self, service):
        return run("docker", "ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}",
                   "--filter", f"label=com.docker.compose.service={service}", "--filter", "label=com.docker.compose.oneoff=False").split()

    def state(self, container):
        return json.loads(run("docker", "inspect", container))[0]["State"]

    def in_run_folder(self, program, *arguments):
        """A program of the learner's image on the volume, whether or not the learner is running."""
        return run("docker", "run", "--rm", "--network", "none", "--volume", f"{PROJECT}_runs:/runs", "--entrypoint", program,
                   "maspo-learner:test", *arguments)

    def rows(self):
        # A learner that has just started has no file yet, and a row that is being written may lack its end.
        rows = []
        for line in self.in_run_folder("sh", "-c", f"cat {RUN_DIR}/metrics.jsonl || true").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                pass
        return rows

    def await_condition(self, what, condition, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                say(what)
                return
            time.sleep(1)
        self.fail(f"{what} did not come within {seconds} s:\n" + compose("logs", "--tail=20", check=False)[-4000:])

    def step(self):
        """Of the running learner; None while it does not answer."""
        text = run("docker", "exec", *self.containers("learner"), "maspo", "status", "127.0.0.1:50051", "--json", check=False)
        return int(json.loads(text)["step"]) if text else None

    def advance(self, what):
        """Training goes on after what happened: ten more steps than are known now."""
        known = max([row["step"] for row in self.rows()], default=0)
        self.await_condition(f"{what}: step {known + 10} came", lambda: (self.step() or 0) >= known + 10, 600)

    def test_images_hold_what_they_need_and_no_more(self):
        for role in ROLES:
            image = json.loads(run("docker", "image", "inspect", f"maspo-{role}:test"))[0]
            self.assertEqual(image["Config"]["User"], "10001:10001")
            self.assertIn("Healthcheck", image["Config"])
            tools = "for tool in gcc g++ cc c++ ld as make cmake cargo rustc pip; do command -v $tool; done; true"
            self.assertEqual(run("docker", "run", "--rm", "--entrypoint", "sh", f"maspo-{role}:test", "-c", tools), "", role)
            version = run("docker", "run", "--rm", "--read-only", "--cap-drop=ALL", f"maspo-{role}:test", "--version")
            self.assertRegex(version, r"\d+\.\d+\.\d+ \(commit")
            say(f"maspo-{role}: {image['Size'] / 1e6:.0f} MB, of which the base has {self.size_of_base() / 1e6:.0f} MB")

    @unittest.skipUnless(os.environ.get("MASPO_PREBUILT"), "compiling twice takes too long: set MASPO_PREBUILT")
    def test_two_builds_give_the_same_layers(self):
        layers = []
        for _ in range(2):
            image = run("docker", "build", "--quiet", "--no-cache", "--target", "reward-server", "--build-arg", f"BASE_IMAGE={BASE_IMAGE}",
                        "--build-arg", f"PREBUILT={os.environ['MASPO_PREBUILT']}", ".").strip()
            layers.append(json.loads(run("docker", "image", "inspect", image))[0]["RootFS"]["Layers"])
            run("docker", "image", "rm", image, check=False)
        self.assertEqual(*layers)

    def size_of_base(self):
        return json.loads(run("docker", "image", "inspect", BASE_IMAGE))[0]["Size"]

    def test_a_run_survives_whatever_happens_to_its_containers(self):
        compose("up", "-d", *ROLES, "prometheus")
        self.assertEqual(len(self.containers("rollout-worker")), 2)
        self.advance("up")
        self.await_condition("all containers are healthy", lambda: all(
            self.state(id)["Health"]["Status"] == "healthy" for role in ROLES for id in self.containers(role)), 120)
        self.check_prometheus()

        # Crashes: the restart policy brings them back.
        for service in ("rollout-worker", "reward-server", "learner"):
            victim = self.containers(service)[0]
            killed = self.state(victim)["Pid"]
            os.kill(killed, signal.SIGKILL)
            self.await_condition(f"{service} runs again after a crash", lambda: self.state(victim)["Pid"] not in (0, killed), 60)
        self.advance("crashes")
        # A container that an operator killed, and one that is replaced: another address, another name.
        run("docker", "kill", *self.containers("reward-server"))
        run("docker", "rm", "--force", self.containers("rollout-worker")[1])
        compose("up", "-d", *ROLES, "prometheus")
        self.advance("containers killed and replaced")
        compose("restart", *ROLES)
        self.advance("restart")
        compose("stop", "learner")
        self.assertTrue(json.loads(self.in_run_folder("maspo", "ledger", RUN_DIR, "--json"))["balanced"])
        compose("down")
        compose("up", "-d", *ROLES, "prometheus")
        self.advance("down and up")

        learner = self.containers("learner")[0]
        self.await_condition("the learner ended", lambda: not self.state(learner)["Running"], 600)
        self.assertEqual(self.state(learner)["ExitCode"], 0)
        self.check_books()

    def check_prometheus(self):
        port = compose("port", "prometheus", "9090").strip().rsplit(":", 1)[1]

        def up():
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?query=sum(up{{job='maspo'}})%20>=%204", timeout=5) as answer:
                return bool(json.loads(answer.read())["data"]["result"])
        self.await_condition("Prometheus sees all four processes", up, 60)
        self.await_condition("Prometheus is healthy", lambda: self.state(self.containers("prometheus")[0])["Health"]["Status"] == "healthy", 60)

    def check_books(self):
        rows = self.rows()
        self.assertEqual([row["step"] for row in rows], list(range(1, STEPS + 1)))
        first, last = (sum(row["reward/mean"] for row in part) / 5 for part in (rows[:5], rows[-5:]))
        say(f"reward {first:+.3f} in the first five steps, {last:+.3f} in the last")
        self.assertGreater(last, first + 0.5)
        ledger = json.loads(self.in_run_folder("maspo", "ledger", RUN_DIR, "--json"))
        say(f"ledger: {ledger}")
        self.assertTrue(ledger["balanced"])
        self.assertEqual(ledger["trained"], 16 * STEPS)
        self.assertEqual(ledger["dropped"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
