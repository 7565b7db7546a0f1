"""Finds the keys of a run's configuration that no code obeys.

  config_keys.py ROOT        prints every key that is read nowhere and exits with 1 if there is one

A key counts as read where the code of a process takes its value out of the message that has it: `rollout.threads()` with `rollout`
declared as v1::RolloutSection, `config.learner().threads()`, a variable set from such a chain. Reading, writing and checking the
configuration (services/config) does not count. Objectives name their parameters as text: in.AtLeast("alpha", ...).
"""
import pathlib
import re
import sys

FOLDERS = ("services", "model", "collective", "learner", "rollout_worker", "reward_server", "cli")
NOT_OBEYING = re.compile(r"services/config/(yaml_reader|config_\w+)\.(h|cc)$")
FIELD = re.compile(r"\s*(?:optional|repeated) (\w+) (\w+) = \d+")
DECLARATION = re.compile(r"\bv1::(\w+)(?:\s*[&*]+\s*|\s+)(\w+)")
CHAIN = re.compile(r"\b(\w+)((?:(?:\.|->)\w+\(\))+)")
PARAMETER = re.compile(r'\bin\.\w+\("(\w+)"')


def schema_of(text):
    """Message -> {field: type}."""
    found, fields = {}, None
    for line in text.splitlines():
        if match := re.match(r"message (\w+) \{", line):
            fields = found[match[1]] = {}
        elif line.startswith("}"):
            fields = None
        elif fields is not None and (match := FIELD.match(line)):
            fields[match[2]] = match[1]
    return found


def declared(text, schema):
    """Variable -> messages that it is declared as."""
    types = {}
    for message, name in DECLARATION.findall(text):
        if message in schema:
            types.setdefault(name, set()).add(message)
    return types


class Reader:
    def __init__(self, schema, in_headers):
        self.schema, self.in_headers, self.read = schema, in_headers, set()

    def follow(self, start, calls):
        """Marks what a chain reads; the messages that it may end at."""
        now = start
        for call in calls:
            field = re.sub(r"_size$", "", call)
            following = set()
            for message in now:
                kind = self.schema[message].get(call) or self.schema[message].get(field)
                if kind is None:
                    continue
                self.read.add((message, call if call in self.schema[message] else field))
                if kind in self.schema:
                    following.add(kind)
            now = following
        return now

    def scan(self, path, text):
        types = declared(text, self.schema)
        if path.startswith("learner/objectives/"):
            self.read.update(("ObjectiveConfig", name) for name in PARAMETER.findall(text))
        for _ in range(2):  # A variable may be set from another one further down.
            for match in CHAIN.finditer(text):
                start = types.get(match[1]) or self.in_headers.get(match[1], set())
                end = self.follow(start, re.findall(r"\w+(?=\(\))", match[2]))
                before = re.search(r"auto\s*&?\s*(\w+)\s*=\s*(?:\w+\.)*$", text[max(0, match.start() - 80):match.start()])
                if before and end:
                    types.setdefault(before[1], set()).update(end)


def keys(schema, message, prefix=""):
    for name, kind in schema[message].items():
        if kind in schema:
            yield from keys(schema, kind, f"{prefix}{name}.")
        else:
            yield prefix + name, (message, name)


def unread(schema_text, sources):
    """Keys that nothing in `sources` (path -> text) takes."""
    schema = schema_of(schema_text)
    in_headers = {}
    for path, text in sources.items():
        if path.endswith(".h"):
            for name, messages in declared(text, schema).items():
                in_headers.setdefault(name, set()).update(messages)
    reader = Reader(schema, in_headers)
    for path, text in sources.items():
        if not NOT_OBEYING.search(path):
            reader.scan(path, text)
    return [key for key, field in keys(schema, "RunConfig") if field not in reader.read]


def sources_of(root):
    paths = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*")) if path.suffix in (".h", ".cc")]
    return {path.relative_to(root).as_posix(): path.read_text() for path in paths}


def main():
    root = pathlib.Path(sys.argv[1])
    found = unread((root / "proto/run_config.proto").read_text(), sources_of(root))
    for key in found:
        print(f"{key} is read by no code: obey it, or take it out of proto/run_config.proto")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
