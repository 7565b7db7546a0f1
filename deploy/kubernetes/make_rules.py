#!/usr/bin/env python3
"""Writes components/monitoring/rules.yaml, which holds deploy/prometheus/rules.yml as a PrometheusRule. A test compares them.

  make_rules.py [FILE]
"""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
HEAD = """# Made by make_rules.py from deploy/prometheus/rules.yml.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: maspo}
spec:
"""


def prometheus_rule():
    rules = (HERE.parent / "prometheus/rules.yml").read_text()
    return HEAD + "".join("  " + line if line.strip() else line for line in rules.splitlines(keepends=True))


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "components/monitoring/rules.yaml"
    target.write_text(prometheus_rule())
