#!/usr/bin/env python3
"""Writes docs/configuration.md from the comments and defaults of proto/run_config.proto.

  config_reference.py [FILE]
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
VALUE = re.compile(r"\s*(\w+) = \d+ \[\(spelling\) = \"(.*)\"\];\s*(?://\s*(.*))?$")
FIELD = re.compile(r"\s*(optional|repeated) (\w+) (\w+) = \d+(?: \[default = (.*?)\])?;\s*(?://\s*(.*))?$")
HEAD = """# Configuration

Every key of a run's YAML file, made from [proto/run_config.proto](../proto/run_config.proto) by `make generated`. `--set key=value` overrides
one. A key that is not here, or a value that its key does not have, is an error with file and line; relative paths are resolved against the folder of the file that
names them. [deploy/configs](../deploy/configs) has complete files.
"""


def messages(text):
    """Message name -> [(repeated, type, name, default, comment)], with comments above a field or going on below it."""
    found, fields, above = {}, None, []
    for line in text.splitlines():
        if match := re.match(r"message (\w+) \{", line):
            fields = found[match[1]] = []
        elif fields is None:
            continue
        elif line.startswith("}"):
            fields = None
        elif match := FIELD.match(line):
            label, kind, name, default, comment = match.groups()
            fields.append([label == "repeated", kind, name, default, " ".join(above + [comment or ""]).strip()])
            above = []
        elif match := re.match(r"( +)//\s*(.*)", line):
            if len(match[1]) > 4 and fields:  # Goes on behind the field above.
                fields[-1][4] += " " + match[2]
            else:
                above.append(match[2])
    return found


def enumerations(text):
    """Enumeration name -> {value's name in the schema: (spelling, comment)}."""
    found, values = {}, None
    for line in text.splitlines():
        if match := re.match(r"enum (\w+) \{", line):
            values = found[match[1]] = {}
        elif match := VALUE.match(line):
            values[match[1]] = (match[2], match[3])
    return found


def one_of(values):
    """The spellings, each with its comment."""
    return ", ".join(f"`{spelling}`" + (f" ({comment[0].lower()}{comment[1:].rstrip('.')})" if comment else "")
                     for spelling, comment in values.values())


def rows(schema, enums, message, prefix):
    for repeated, kind, name, default, comment in schema[message]:
        if kind in schema:
            yield from rows(schema, enums, kind, f"{prefix}{name}.")
            continue
        if kind in enums:
            comment = f"{comment} {'One of' if len(enums[kind]) > 1 else 'Only'} {one_of(enums[kind])}.".strip()
            default = default and enums[kind][default][0]
            kind = "name"
        shown = f"list of {kind}" if repeated else kind
        value = "" if default is None else f"`{default}`"
        yield "| `{}` | {} | {} | {} |".format(prefix + name, shown, value, comment.replace("|", "\\|"))


def reference():
    text = (ROOT / "proto/run_config.proto").read_text()
    schema, enums = messages(text), enumerations(text)
    parts = [HEAD]
    for _, kind, name, _, _ in schema["RunConfig"]:
        table = "\n".join(rows(schema, enums, kind, name + "."))
        parts.append(f"\n## {name}\n\n| key | type | default | meaning |\n|---|---|---|---|\n{table}\n")
    return "".join(parts)


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/configuration.md"
    target.write_text(reference())
