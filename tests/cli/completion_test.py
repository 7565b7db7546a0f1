"""`maspo completion`: what the shells themselves make of the scripts."""

import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

MASPO = pathlib.Path(os.environ["MASPO_BIN_DIR"]) / "maspo"

# What bash does at <TAB>: looks up the registered function, sets COMP_*, calls it, reads COMPREPLY.
BASH_TAB = """
source "$1"; shift
function_name=$(complete -p maspo); function_name=${function_name##*-F }; function_name=${function_name%% *}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
$function_name
printf '%s\\n' "${COMPREPLY[@]}"
"""
COMMANDS = ["completion", "eval", "extract", "generate", "ledger", "plan", "report", "score", "sft", "status", "trace", "train", "verify", "version"]


def script(shell):
    return subprocess.run([MASPO, "completion", shell], check=True, capture_output=True, text=True).stdout


class Terminal:
    """A shell that believes that a person types."""

    def __init__(self, *command, folder):
        self.text = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.environ.update(TERM="dumb", HOME=str(folder))
            os.execvp(command[0], command)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def await_text(self, text):
        """Reads until `text` has come; what came before it is forgotten."""
        deadline = time.monotonic() + 30
        while text not in self.text:
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"{text!r} did not come, but {self.text!r}"
            self.text += os.read(self.fd, 4096).decode(errors="replace")
        self.text = self.text.partition(text)[2]


class CompletionTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "runs").mkdir()
        (self.folder / "run.yaml").touch()

    def script_file(self, shell):
        path = self.folder / f"maspo.{shell}"
        path.write_text(script(shell))
        return path

    def bash(self, *words):
        result = subprocess.run(["bash", "--norc", "-c", BASH_TAB, "-", self.script_file("bash"), "maspo", *words], cwd=self.folder,
                                capture_output=True, text=True, timeout=20)
        self.assertEqual(result.returncode, 0, result.stderr)
        return sorted(result.stdout.split())

    def shell(self, name):
        if not shutil.which(name):
            self.skipTest(f"{name} is not installed")
        return self.script_file(name)

    def test_bash_completes_commands_and_flags(self):
        self.assertEqual(self.bash("t"), ["trace", "train"])
        self.assertLessEqual(set(COMMANDS), set(self.bash("")))
        self.assertEqual(self.bash("ledger", "--j"), ["--json"])
        self.assertEqual(self.bash("train", "run.yaml", "--r"), ["--resume", "--run-dir"])

    def test_bash_completes_what_a_flag_takes(self):
        self.assertEqual(self.bash("trace", "--format", ""), ["chrome", "otlp"])
        self.assertEqual(self.bash("completion", ""), ["bash", "fish", "zsh"])
        self.assertEqual(self.bash("train", "--run-dir", "ru"), ["runs"])
        self.assertEqual(self.bash("train", "ru"), ["run.yaml", "runs"])
        self.assertEqual(self.bash("eval", "--seed", ""), [])

    def test_bash_completes_configuration_keys(self):
        self.assertEqual(self.bash("train", "--set", "learner.optimizer.learning"), ["learner.optimizer.learning_rate="])
        self.assertEqual(self.bash("train", "--set", "=", "run.ste"), ["run.steps="])
        self.assertGreater(len(self.bash("train", "--set", "")), 80)

    def test_zsh_accepts_the_script_and_completes_with_it(self):
        path = self.shell("zsh")
        subprocess.run(["zsh", "-n", path], check=True, timeout=20)
        with Terminal("zsh", "-f", "-i", folder=self.folder) as terminal:
            terminal.type(f"PS1=; autoload -Uz compinit; compinit -u -D; source {path}; echo rea''dy\n")
            terminal.await_text("ready")
            terminal.type("maspo ver\t\t")
            terminal.await_text("verify")
            terminal.await_text("version")
            terminal.type("\x15maspo trace --format \t\t")
            terminal.await_text("otlp")

    def test_fish_completes_with_the_script(self):
        path = self.shell("fish")

        def complete(line):
            result = subprocess.run(["fish", "--no-config", "-c", f"source {path}; complete -C '{line}'"], cwd=self.folder,
                                    capture_output=True, text=True, timeout=20, env={**os.environ, "HOME": str(self.folder)})
            self.assertEqual(result.stderr, "")
            return sorted(line.split("\t")[0] for line in result.stdout.splitlines())

        self.assertEqual(complete("maspo tra"), ["trace", "train"])
        self.assertEqual(complete("maspo trace --format "), ["chrome", "otlp"])
        self.assertIn("learner.optimizer.learning_rate=", complete("maspo train --set learner.opt"))
        self.assertIn("run.yaml", complete("maspo train --config ru") + complete("maspo status --config ru"))


if __name__ == "__main__":
    unittest.main()
