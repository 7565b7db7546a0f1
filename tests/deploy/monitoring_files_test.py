"""Dashboards, alerts and runbook as files: complete, made by their program, and consistent. dashboards_test.py has the live run.

promtool comes by scripts/prometheus; without it the tests that need it are skipped.
"""

import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["MASPO_SOURCE_DIR"])
DEPLOY = SOURCE / "deploy"
RULES = DEPLOY / "prometheus/rules.yml"
RULES_TEST = DEPLOY / "prometheus/rules_test.yml"
PROMTOOL = SOURCE / "third_party/prometheus/usr/bin/promtool"
DASHBOARDS = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))


def panels(path):
    return [panel for panel in json.loads(path.read_text())["panels"] if panel["type"] != "row"]


needs_promtool = unittest.skipUnless(PROMTOOL.exists() or os.environ.get("MASPO_REQUIRE_TOOLS"),
                                     f"{PROMTOOL} is not there; scripts/prometheus fetches it")


def promtool(*arguments):
    return subprocess.run([PROMTOOL, *arguments], cwd=RULES.parent, capture_output=True, text=True)


def alerts():
    return re.findall(r"alert: (\S+)", RULES.read_text())


class DashboardFilesTest(unittest.TestCase):
    def test_dashboards_are_what_the_program_writes(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-B", DEPLOY / "grafana/make_dashboards.py", folder], check=True)
            written = {path.name: path.read_text() for path in pathlib.Path(folder).iterdir()}
        self.assertEqual(written, {path.name: path.read_text() for path in DASHBOARDS}, "run deploy/grafana/make_dashboards.py")

    def test_every_panel_says_what_it_shows(self):
        for path in DASHBOARDS:
            for panel in panels(path):
                where = f"{path.name}: {panel['title']}"
                self.assertGreater(len(panel["description"]), 10, where)
                self.assertNotIn(panel["fieldConfig"]["defaults"]["unit"], ("", "none"), where)
                self.assertTrue(panel["targets"], where)
                values = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
                self.assertIsNone(values[0], where)
                self.assertEqual(values[1:], sorted(values[1:]), where)

    def test_panels_stand_side_by_side(self):
        for path in DASHBOARDS:
            for a, b in itertools.combinations([panel["gridPos"] for panel in panels(path)], 2):
                apart = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"] or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
                self.assertTrue(apart, f"{path.name}: {a} and {b}")

    def test_dashboards_share_variables_and_annotations(self):
        for path in DASHBOARDS:
            content = json.loads(path.read_text())
            self.assertEqual([variable["name"] for variable in content["templating"]["list"]], ["run", "role", "instance"])
            self.assertEqual([annotation["name"] for annotation in content["annotations"]["list"]], ["Version", "Checkpoint", "Restart"])

    def test_alerts_that_panels_and_documents_name_exist(self):
        texts = [path.read_text() for path in [*DASHBOARDS, *(SOURCE / "docs").glob("*.md")]]
        named = {name for text in texts for name in re.findall(r"\bMaspo(?:[A-Z][a-z]+)+\b", text)}
        self.assertEqual(named - set(alerts()), set())


class RulesTest(unittest.TestCase):
    def test_every_alert_has_its_place_in_the_runbook(self):
        headings = {re.sub(r"[^a-z0-9 -]", "", line[3:].lower()).replace(" ", "-")
                    for line in (SOURCE / "docs/runbook.md").read_text().splitlines() if line.startswith("## ")}
        self.assertGreaterEqual(len(alerts()), 10)
        blocks = re.split(r"\n\s+- alert: ", RULES.read_text())[1:]
        for block in blocks:
            name = block.split()[0]
            self.assertIn(f"runbook_url: docs/runbook.md#{name.lower()}\n", block + "\n")
            self.assertIn(name.lower(), headings)
        self.assertEqual({heading for heading in headings if heading.startswith("maspo")}, {name.lower() for name in alerts()})

    def test_panels_that_the_runbook_names_exist(self):
        titles = {panel["title"] for path in DASHBOARDS for panel in panels(path)}
        named = set(re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", " ".join((SOURCE / "docs/runbook.md").read_text().split())))
        self.assertGreater(len(named), 5)
        self.assertEqual(named - titles, set())

    @needs_promtool
    def test_rules_are_valid(self):
        result = promtool("check", "rules", RULES.name)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_every_alert_is_shown_silent_and_firing(self):
        text = RULES_TEST.read_text()
        for name in alerts():
            self.assertRegex(text, rf"alertname: {name}, exp_alerts: \[\]", name)
            self.assertRegex(text, rf"alertname: {name}\n\s+exp_alerts:\n\s+- exp_labels", name)

    @needs_promtool
    def test_rules_fire_where_they_should(self):
        result = promtool("test", "rules", RULES_TEST.name)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)


if __name__ == "__main__":
    unittest.main()
