"""Files that are made from others are what would be made from them now, and documents repeat no outdated numbers."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["MASPO_SOURCE_DIR"])


def run(program, *arguments):
    return subprocess.run([sys.executable, "-B", SOURCE / program, *arguments], check=True, capture_output=True, text=True).stdout


class GeneratedTest(unittest.TestCase):
    def check(self, program, file):
        with tempfile.NamedTemporaryFile("r") as made:
            run(program, made.name)
            self.assertEqual(made.read(), (SOURCE / file).read_text(), f"{file} is out of date: run make generated")

    def test_the_configuration_reference_is_that_of_the_schema(self):
        self.check("scripts/config_reference.py", "docs/configuration.md")
        text = (SOURCE / "docs/configuration.md").read_text()
        self.assertIn("| `learner.optimizer.learning_rate` | double | `1e-6` |", text)
        self.assertGreater(text.count("\n| `"), 80)

    def test_kubernetes_has_the_rules_of_prometheus(self):
        self.check("deploy/kubernetes/make_rules.py", "deploy/kubernetes/components/monitoring/rules.yaml")


if __name__ == "__main__":
    unittest.main()
