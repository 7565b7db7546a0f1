"""What tests/tools/repeat counts as a failure."""

import pathlib
import subprocess
import sys
import unittest

REPEAT = pathlib.Path(__file__).parent / "repeat"


def repeat(*arguments):
    result = subprocess.run([sys.executable, "-B", REPEAT, "--load", "0", *arguments], capture_output=True, text=True)
    return result.returncode, result.stdout.splitlines()


class RepeatTest(unittest.TestCase):
    def test_counts_runs_that_passed(self):
        code, lines = repeat("3", "true")
        self.assertEqual((code, lines[-1]), (0, "3 passed, 0 failed"))

    def test_shows_what_a_failed_run_printed(self):
        code, lines = repeat("2", "sh", "-c", "echo the reason; exit 3")
        self.assertEqual((code, lines[-1]), (1, "0 passed, 2 failed"))
        self.assertEqual(lines.count("the reason"), 2)
        self.assertIn("== run 2 failed: exit code 3", lines)

    def test_ends_what_a_run_started_when_its_time_is_over(self):
        code, lines = repeat("--limit", "0.5", "1", "sh", "-c", "sleep 60 & echo $!; wait")
        self.assertEqual(code, 1)
        self.assertIn("== run 1 failed: no end after 0.5 s", lines)
        status = pathlib.Path(f"/proc/{lines[0]}/stat")
        self.assertTrue(not status.exists() or status.read_text().split()[2] == "Z")

    def test_no_run_is_no_success(self):
        self.assertEqual(repeat("--minutes", "0", "5", "true"), (1, ["0 passed, 0 failed"]))


if __name__ == "__main__":
    unittest.main()
