#!/usr/bin/env python3
"""clang-tidy over what build-lint compiles, remembering what was clean: a compilation is looked at again only when something that it
reads has changed. scripts/lint runs it.

  clang_tidy.py [--minutes M] [FILE...]

Begins with what was committed or edited last and starts no compilation after M minutes; what is left waits for the next run. With files,
only compilations of these. Exits 1 if there were findings.
"""

import argparse
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-lint"
CLEAN = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "maspo/clang-tidy"
DAYS = 60  # What no run has asked about for so long is forgotten.


def output_of(*command):
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def dependencies():
    """Object -> the files of this repository and of its generated code that went into it, as ninja wrote them down."""
    found, current = {}, None
    for line in output_of("ninja", "-C", BUILD, "-t", "deps").splitlines():
        if not line.startswith("    "):
            current = found.setdefault(line.split(":")[0], [])
        elif not line.startswith("    /usr/") and line.endswith((".h", ".cc", ".cxx")):
            path = os.path.normpath(os.path.join(BUILD, line.strip()))
            if path.startswith(f"{ROOT}/") and not path.startswith(f"{ROOT}/third_party/"):
                current.append(path)
    return found


@functools.cache
def digest(path):
    """Of a file, with its name, wherever the repository lies: some generated ones name others by their whole path."""
    return hashlib.sha256(pathlib.Path(path).read_bytes().replace(str(ROOT).encode(), b"") + path.removeprefix(str(ROOT)).encode()).digest()


class Compilation:
    def __init__(self, entry, files, environment):
        self.main = pathlib.Path(entry["file"])
        included = re.findall(r'#include "(.+)"', self.main.read_text()) if self.main.is_relative_to(BUILD) else []
        self.sources = [pathlib.Path(path) for path in included] or [self.main]
        key = hashlib.sha256(environment)
        key.update(entry["command"].replace(str(ROOT), "").encode())
        for path in sorted(files):
            key.update(digest(path))
        self.known = CLEAN / key.hexdigest()

    def findings(self):
        """Of clang-tidy; nothing if it is clean, which is remembered."""
        result = subprocess.run(["clang-tidy", "-p", BUILD, "--quiet", "--warnings-as-errors=*", self.main], cwd=ROOT, capture_output=True, text=True)
        if result.returncode == 0:
            self.known.touch()
            return ""
        return result.stdout + ("" if result.stdout.strip() else result.stderr)


def last_changes():
    """Source -> when it was committed last, in seconds; what is edited or new changes now."""
    times, when = {}, 0
    for line in output_of("git", "log", "--format=@%ct", "--name-only", "--diff-filter=AMR").splitlines():
        if line.startswith("@"):
            when = int(line[1:])
        elif line:
            times.setdefault(ROOT / line, when)
    for line in output_of("git", "status", "--porcelain").splitlines():
        times[ROOT / line[3:].split(" -> ")[-1]] = time.time()
    return times


def compilations(wanted):
    environment = output_of("clang-tidy", "--version").encode() + (ROOT / ".clang-tidy").read_bytes()
    files = dependencies()
    entries = [entry for entry in json.loads((BUILD / "compile_commands.json").read_text()) if "/gen/" not in entry["file"]]
    objects = [re.search(r" -o (\S+)", entry["command"])[1] for entry in entries]
    found = [Compilation(entry, files[name], environment) for entry, name in zip(entries, objects) if name in files]
    return [one for one in found if not wanted or wanted & set(one.sources)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("files", nargs="*", type=lambda name: pathlib.Path(name).resolve())
    options = parser.parse_args()
    CLEAN.mkdir(parents=True, exist_ok=True)
    for known in CLEAN.iterdir():
        if known.stat().st_mtime < time.time() - DAYS * 86400:
            known.unlink()

    every = compilations(set(options.files))
    todo = []
    for one in every:
        if one.known.exists():
            one.known.touch()
        else:
            todo.append(one)
    times = last_changes()
    todo.sort(key=lambda one: -max(times.get(source, 0) for source in one.sources))
    deadline = time.monotonic() + 60 * options.minutes

    def check(one):
        return None if time.monotonic() > deadline else one.findings()

    left = faulty = 0
    with concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count())) as pool:
        for found in pool.map(check, todo):
            left += found is None
            faulty += bool(found)
            if found:
                print(found, flush=True)
    print(f"clang-tidy: {len(every) - len(todo)} of {len(every)} compilations were clean before, {len(todo) - left - faulty} are now, "
          f"{faulty} have findings" + (f", {left} are left for the next run" if left else ""))
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
