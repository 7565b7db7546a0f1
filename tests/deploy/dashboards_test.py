"""Dashboards and alerts against the truth: a live quick-start run, watched by a real Prometheus. What can be said without a
run is in monitoring_files_test.py.

Every query of every panel, variable, annotation and rule is executed; an error, an empty result or a metric that does not
exist fails. So do metrics that docs/prometheus.md does not list, or lists in vain.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree

SOURCE = pathlib.Path(os.environ["MASPO_SOURCE_DIR"])
sys.path.append(str(SOURCE / "tests/support"))
from ports import free_address

BIN = pathlib.Path(os.environ["MASPO_BIN_DIR"])
DEPLOY = SOURCE / "deploy"
RULES = DEPLOY / "prometheus/rules.yml"
PROMETHEUS = SOURCE / "third_party/prometheus/usr/bin"
DASHBOARDS = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
METRIC = re.compile(r"\b(?:maspo[_:][a-z0-9_:]+|process_[a-z0-9_]+|up)\b(?=[{\[) ]|$)")
COMPARISON = re.compile(r"\s*[<>]\s*[0-9.e]+\s*$")
GPU_METRIC = re.compile(r"\bmaspo_gpu_\w+")  # Only learners and workers with a GPU have them.
VARIABLES = {"$run": ".*", "$role": ".*", "$instance": ".*", "$__rate_interval": "20s"}


def get(url):
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read().decode()


def filled_in(expr):
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


def rules():
    """(name, expression) of every rule; alerts without their comparison. Reads as much YAML as our file has."""
    found = []
    for block in re.split(r"\n\s+- (?=alert:|record:)", RULES.read_text())[1:]:
        name = re.match(r"(?:alert|record): (\S+)", block).group(1)
        expr = re.search(r"expr: (\|\n(?:(?:\s{10,}.*)?\n)+|.*)", block).group(1).removeprefix("|\n")
        expr = " ".join(line for line in expr.splitlines() if not line.strip().startswith("#")).strip()
        if block.startswith("alert:"):
            assert COMPARISON.search(expr), f"{name} does not end with a comparison"
            expr = COMPARISON.sub("", expr)
        found.append((name, expr))
    return found


def documented_metrics():
    return set(re.findall(r"^\| `((?:maspo|process)_\w+)`", (SOURCE / "docs/prometheus.md").read_text(), re.MULTILINE))


class LiveTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.processes = []
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.addClassCleanup(cls.stop_all)
        folder = pathlib.Path(cls.folder.name)
        cls.run_dir = folder / "run"
        cls.start([BIN / "maspo", "train", DEPLOY / "configs/quickstart.yaml", "--run-dir", cls.run_dir, "--set", "run.steps=100000",
                   "--set", "run.checkpoint_interval=2", "--set", "evaluation.samples=2", "--set", "evaluation.k=[1, 2]"], folder / "train.log")
        cls.endpoints = cls.await_endpoints(4)
        cls.url = f"http://{free_address()}"
        config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [str(RULES)],
                  "scrape_configs": [{"job_name": "maspo", "static_configs": [{"targets": sorted(cls.endpoints)}]}]}
        (folder / "prometheus.yml").write_text(json.dumps(config))
        cls.start([PROMETHEUS / "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                   f"--web.listen-address={cls.url.removeprefix('http://')}"], folder / "prometheus.log")
        cls.await_result("maspo_learner_checkpoint_step > 3")
        cls.await_result("count_over_time(maspo:rpc_failed_share:rate5m[1m]) > 20")

    @classmethod
    def start(cls, command, log):
        with open(log, "w") as out:
            cls.processes.append(subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT))

    @classmethod
    def stop_all(cls):
        for process in reversed(cls.processes):
            process.send_signal(signal.SIGTERM)
        for process in cls.processes:
            process.wait(60)

    @classmethod
    def await_endpoints(cls, count):
        for _ in range(1200):
            logs = [path.read_text() for path in cls.run_dir.glob("logs/*.log")]
            found = {match for text in logs for match in re.findall(r"metrics at http://(\S+)/metrics", text)}
            if len(found) == count:
                return found
            time.sleep(0.1)
        raise AssertionError(f"only {len(found)} of {count} processes serve metrics")

    @classmethod
    def query(cls, expr):
        """The result, or the error as text."""
        try:
            answer = json.loads(get(f"{cls.url}/api/v1/query?" + urllib.parse.urlencode({"query": expr})))
            return answer["data"]["result"]
        except urllib.error.HTTPError as error:
            return json.loads(error.read())["error"]
        except OSError:
            return []

    @classmethod
    def await_result(cls, expr):
        deadline = time.monotonic() + 240
        while not cls.query(expr):
            if time.monotonic() > deadline:
                raise AssertionError(f"{expr} has no result; last lines: " + (pathlib.Path(cls.folder.name) / "train.log").read_text()[-500:])
            time.sleep(0.5)

    def check(self, where, expr, names):
        expr = filled_in(expr)
        result = self.query(expr)
        self.assertIsInstance(result, list, f"{where}: {expr}\n{result}")
        if GPU_METRIC.search(expr) and not GPU_METRIC.search(" ".join(names)):
            self.assertLessEqual(set(GPU_METRIC.findall(expr)), documented_metrics(), where)
            return
        self.assertTrue(result, f"{where}: nothing comes out of {expr}")
        used = METRIC.findall(expr)
        self.assertTrue(used, f"{where}: no metric in {expr}")
        self.assertLessEqual(set(used), names, where)

    def names(self):
        return set(json.loads(get(f"{self.url}/api/v1/label/__name__/values"))["data"])

    def test_every_query_has_a_result(self):
        names = self.names()
        count = 0
        for path in DASHBOARDS:
            content = json.loads(path.read_text())
            queries = [(panel["title"], target["expr"]) for panel in content["panels"] for target in panel.get("targets", [])]
            for annotation in content["annotations"]["list"]:
                queries.append((annotation["name"], COMPARISON.sub("", annotation["expr"])))
            for variable in content["templating"]["list"]:
                queries.append((variable["name"], re.fullmatch(r"label_values\((.*), \w+\)", variable["query"]["query"]).group(1)))
            for title, expr in queries:
                with self.subTest(panel=f"{path.name}: {title}", query=expr):
                    count += 1
                    self.check(f"{path.name}: {title}", expr, names)
        print(f"{count} queries of {len(DASHBOARDS)} dashboards have results", file=sys.stderr)
        self.assertGreater(count, 60)

    def test_dashboards_can_be_drawn(self):
        for path in DASHBOARDS:
            picture = pathlib.Path(self.folder.name) / f"{path.stem}.svg"
            subprocess.run([sys.executable, "-B", DEPLOY / "grafana/draw_dashboard.py", path.stem, self.url, "1", picture], check=True)
            texts = [element.text for element in xml.etree.ElementTree.parse(picture).iter("{http://www.w3.org/2000/svg}text")]
            panels = json.loads(path.read_text())["panels"]
            self.assertLessEqual({panel["title"] for panel in panels}, set(texts))
            of_gpus = sum(bool(GPU_METRIC.search(str(panel.get("targets")))) for panel in panels)
            self.assertLessEqual(texts.count("no data"), of_gpus)

    def test_every_rule_has_a_result(self):
        names = self.names()
        for name, expr in rules():
            with self.subTest(rule=name):
                self.check(name, expr, names)

    def test_the_documentation_lists_every_metric(self):
        scraped = set()
        for endpoint in self.endpoints:
            scraped |= set(re.findall(r"^# TYPE (\S+) ", get(f"http://{endpoint}/metrics"), re.MULTILINE))
        # Served by the library about itself, and by the run's journal, whose names are in another table with its own test.
        journal = {"maspo_learner_" + re.sub(r"\W", "_", key)
                   for file in ("metrics.jsonl", "evaluations.jsonl")
                   for line in (self.run_dir / file).read_text().splitlines() for key in json.loads(line)}
        ours = {name for name in scraped if name.startswith(("maspo_", "process_"))} - (journal - {"maspo_learner_step"})
        documented = documented_metrics()
        if not GPU_METRIC.search(" ".join(ours)):
            documented = {name for name in documented if not GPU_METRIC.search(name)}
        self.assertEqual(ours, documented)


if __name__ == "__main__":
    unittest.main()
