"""The documents' commands are real. The first line of a fenced block says what happens to it:

   ```sh run       executed, all such blocks of a document one after the other in one folder that looks like the repository
   ```sh           for people: scripts, make targets, programs, sub-commands, flags and files in it must exist
   ```yaml         a whole or partial run configuration, which must be accepted
   ```json, python must parse
   ```text         no commands

Any other block fails.
"""

import ast
import functools
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["MASPO_SOURCE_DIR"])
BIN = pathlib.Path(os.environ["MASPO_BIN_DIR"])
DOCUMENTS = [SOURCE / "README.md", SOURCE / "CONTRIBUTING.md", *sorted((SOURCE / "docs").glob("*.md"))]
# Of other projects: which options they take is theirs to check.
FOREIGN = {"apt-get", "apt", "cat", "cd", "cp", "ctest", "curl", "diff", "docker", "dpkg", "du", "echo", "git", "grep", "head", "kubectl", "ls", "mkdir",
           "openssl", "rsync", "scp", "sort", "source", "ssh", "tail", "tar", "wc", "zsh", "bash", "fish", "jq", "helm", "kustomize"}
PATH_LIKE = re.compile(r"^(?:deploy|docs|examples|scripts|tests|proto|learner|reward_server)/[\w./-]+$")


def blocks(document):
    """(line number, info string, text) of every fenced block."""
    found, start, info, lines = [], None, "", []
    for number, line in enumerate(document.read_text().splitlines(), 1):
        fence = re.match(r"^\s*```(.*)$", line)
        if fence and start is None:
            start, info, lines = number, fence.group(1).strip(), []
        elif fence:
            found.append((start, info, "\n".join(lines)))
            start = None
        elif start is not None:
            lines.append(line)
    assert start is None, f"{document.name}:{start}: the block has no end"
    return found


@functools.cache
def help_of(program, *command):
    result = subprocess.run([BIN / program, *command, "--help"], capture_output=True, text=True, timeout=60)
    return result.stdout if result.returncode == 0 else None


@functools.cache
def make_targets():
    return set(re.findall(r"^([a-z-]+):", (SOURCE / "Makefile").read_text(), re.MULTILINE))


def flags_are_known(words, text):
    return [f"{word} is no flag" for word in words if re.match(r"--[a-z]", word) and not re.search(rf"{re.escape(word.split('=')[0])}\b", text)]


def problems_of_program(words):
    """`maspo train --flag ...`, `maspo-learner --flag ...`."""
    program = pathlib.Path(words[0]).name
    if program != "maspo":
        text = help_of(program)
        return flags_are_known(words[1:], text) if text else [f"there is no program {program}"]
    if len(words) == 1 or words[1].startswith("-"):
        return flags_are_known(words[1:], help_of("maspo"))
    text = help_of("maspo", words[1])
    return flags_are_known(words[2:], text) if text else [f"maspo has no command {words[1]}"]


def problems_of(words):
    while words and re.match(r"^[A-Z_]+=", words[0]):
        words = words[1:]
    if not words:
        return []
    first = words[0]
    problems = [f"{word} does not exist" for word in words if PATH_LIKE.match(word) and not (SOURCE / word).exists()]
    inner = [i for i, word in enumerate(words) if i > 0 and words[i - 1] != "-n" and pathlib.Path(word).name == "maspo" and (i + 1 == len(words) or re.match(r"^[a-z]+$", words[i + 1]))]
    if first == "make":
        return problems + [f"there is no make target {word}" for word in words[1:] if "=" not in word and word not in make_targets()]
    if first in ("python3", "python"):
        return problems
    if PATH_LIKE.match(first):
        return problems if os.access(SOURCE / first, os.X_OK) else problems + [f"{first} cannot be executed"]
    if re.match(r"^(?:build/bin/)?maspo(?:-[a-z-]+)?$", first):
        return problems + problems_of_program(words)
    if first.startswith("build/bin/"):
        return problems + ([] if os.access(BIN / pathlib.Path(first).name, os.X_OK) else [f"{first} is not built"])
    if first in FOREIGN:
        # What runs in a container or pod is ours again.
        words_inside = words[inner[0]:] if inner and first in ("docker", "kubectl") and "--entrypoint" not in words else []
        return problems + (problems_of_program(words_inside) if words_inside else [])
    return problems + [f"{first} is not a command that this test knows"]


def commands(text):
    """Logical lines without here-documents, continuations joined and what is said behind three spaces left out."""
    text = re.sub(r"<<\s*'?(\w+)'?(.*)\n[\s\S]*?\n\1(?=\n|$)", r"\2", text)
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        if re.match(r"^\s+--?[a-z]", line) and found:  # An option of the command above it, with its meaning.
            found[-1] += " " + re.split(r"\s{2,}", line.strip())[0]
        elif line.strip() and not line.strip().startswith("#"):
            found.append(re.split(r"\s{3,}", line.strip())[0])
    return [part.strip() for line in found for part in re.split(r"\s(?:&&|\|\||\||;)\s", line) if part.strip()]


class DocumentsTest(unittest.TestCase):
    def test_every_block_says_what_it_is(self):
        for document in DOCUMENTS:
            for number, info, _ in blocks(document):
                self.assertIn(info, ("sh", "sh run", "yaml", "json", "python", "text"), f"{document.name}:{number}: say what the block is, see {__file__}")

    def test_commands_name_what_is_there(self):
        count = 0
        for document in DOCUMENTS:
            for number, info, text in blocks(document):
                if info != "sh":
                    continue
                for command in commands(text):
                    count += 1
                    words = [word for word in shlex.split(command, comments=True) if word not in ("&", ">", "2>&1")]
                    self.assertEqual(problems_of(words), [], f"{document.name}:{number}: {command}")
        self.assertGreater(count, 30)

    def test_configurations_are_accepted(self):
        for document in DOCUMENTS:
            for number, info, text in blocks(document):
                if info == "python":
                    ast.parse(text)
                if info == "json":
                    for line in text.splitlines():
                        json.loads(line)
                if info != "yaml":
                    continue
                with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                    file.write(text)
                    file.flush()
                    # It cannot be trained with, but a key that is unknown or ill-typed is reported as FILE:LINE first.
                    result = subprocess.run([BIN / "maspo", "train", file.name, "--dry-run"], capture_output=True, text=True, timeout=60)
                    self.assertNotIn(file.name + ":", result.stderr, f"{document.name}:{number}: {result.stderr}")

    def test_links_lead_somewhere(self):
        for document in DOCUMENTS:
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text()):
                if not target.startswith(("http:", "https:")):
                    self.assertTrue((document.parent / target).exists(), f"{document.name} links to {target}")

    def test_every_document_is_in_the_index(self):
        index = (SOURCE / "docs/README.md").read_text()
        for document in (SOURCE / "docs").glob("*.md"):
            if document.name != "README.md":
                self.assertIn(f"({document.name})", index)


class RunTest(unittest.TestCase):
    """One test for each document with blocks to run."""

    def run_document(self, document):
        folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        for entry in SOURCE.iterdir():
            if entry.name not in (".git", "build", "runs", "dist"):
                (folder / entry.name).symlink_to(entry)
        (folder / "build").mkdir()
        (folder / "build/bin").symlink_to(BIN)
        for number, info, text in blocks(document):
            if info != "sh run":
                continue
            result = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                    text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"})
            self.assertEqual(result.returncode, 0, f"{document.name}:{number}:\n{text}\n\n{result.stdout[-3000:]}")


for path in DOCUMENTS:
    if any(info == "sh run" for _, info, _ in blocks(path)):
        setattr(RunTest, "test_" + path.stem.lower().replace("-", "_"), lambda self, document=path: self.run_document(document))


if __name__ == "__main__":
    unittest.main()
