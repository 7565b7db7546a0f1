"""What programs get of a run: JSON progress, JSON logs that tell the same group in every role, TensorBoard's events, and
OpenTelemetry traces."""

import base64
import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import unittest

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError:
    EventAccumulator = None
try:
    from google.protobuf import json_format
    from opentelemetry.proto.trace.v1 import trace_pb2
except ImportError:
    trace_pb2 = None

SOURCE = pathlib.Path(os.environ["MASPO_SOURCE_DIR"])
MASPO = pathlib.Path(os.environ["MASPO_BIN_DIR"]) / "maspo"
STEPS = 3
WORKER_SPANS = {"lease", "prefill", "decode", "verify"}


def rows(text):
    return [json.loads(line) for line in text.splitlines()]


def with_binary_ids(span):
    """OTLP writes ids in hexadecimal digits, where protobuf's own JSON has base64."""
    for key in ("traceId", "spanId", "parentSpanId"):
        if key in span:
            span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()


class ViewsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.run_dir = cls.folder / "run"
        settings = [f"run.steps={STEPS}", "evaluation.samples=2", "evaluation.k=1"]
        command = [MASPO, "train", SOURCE / "deploy/configs/quickstart.yaml", "--run-dir", cls.run_dir, "--json", "--log-format", "json",
                   "--log-level", "debug", *(argument for setting in settings for argument in ("--set", setting))]
        result = subprocess.run(command, capture_output=True, text=True, timeout=400)
        assert result.returncode == 0, result.stderr
        cls.events = rows(result.stdout)

    def test_progress_for_programs_is_what_the_files_hold(self):
        steps = [{"event": "step", **row} for row in rows((self.run_dir / "metrics.jsonl").read_text())]
        self.assertEqual([event for event in self.events if event["event"] == "step"], steps)
        self.assertEqual([event["step"] for event in self.events if event["event"] == "evaluation"], [0, STEPS])
        self.assertEqual(self.events[-1]["event"], "end")
        self.assertEqual(self.events[-1]["steps"], STEPS)
        self.assertIn("improvement", self.events[-1])

    def test_every_log_line_is_an_object(self):
        files = sorted((self.run_dir / "logs").glob("*.log"))
        self.assertEqual([file.stem for file in files], ["learner", "reward-server-0", "rollout-worker-0", "rollout-worker-1"])
        for file in files:
            for line in rows(file.read_text()):
                self.assertLessEqual({"time", "level", "role", "name", "message"}, set(line), file)
                self.assertEqual(line["name"], file.stem)

    def test_logs_tell_a_group_s_life_in_every_role(self):
        told = {}  # Group id -> roles.
        for file in (self.run_dir / "logs").glob("*.log"):
            for line in rows(file.read_text()):
                if "group" in line:
                    told.setdefault(line["group"], set()).add(line["role"])
        trained = [event["group"] for event in rows((self.run_dir / "ledger.jsonl").read_text()) if event["event"] == "trained"]
        self.assertEqual(len(trained), 16 * STEPS)
        for group in trained:
            self.assertEqual(told[group], {"learner", "rollout-worker", "reward-server"}, group)

    @unittest.skipIf(EventAccumulator is None, "tensorboard is not installed; scripts/test makes an environment that has it")
    def test_tensorboard_reads_every_value_zeros_too(self):
        reader = EventAccumulator(str(self.run_dir / "tensorboard"), size_guidance={"scalars": 0})
        reader.Reload()
        read = {(tag, event.step): event.value for tag in reader.Tags()["scalars"] for event in reader.Scalars(tag)}
        written = {(name, row["step"]): struct.unpack("f", struct.pack("f", value))[0]
                   for file in ("metrics.jsonl", "evaluations.jsonl") for row in rows((self.run_dir / file).read_text())
                   for name, value in row.items() if name != "step" and value is not None}
        self.assertEqual(read, written)
        self.assertIn(0, written.values())

    def otlp(self):
        path = self.folder / "trace.jsonl"
        subprocess.run([MASPO, "trace", self.run_dir, "--format", "otlp", "--output", path], check=True, capture_output=True, timeout=60)
        return rows(path.read_text())

    @unittest.skipIf(trace_pb2 is None and not os.environ.get("MASPO_REQUIRE_TOOLS"),
                     "opentelemetry-proto is not installed; scripts/test makes an environment that has it")
    def test_opentelemetry_s_own_schema_reads_the_traces(self):
        for line in self.otlp():
            for resource in line["resourceSpans"]:
                for span in resource["scopeSpans"][0]["spans"]:
                    with_binary_ids(span)
            data = json_format.ParseDict(line, trace_pb2.TracesData())
            spans = [span for resource in data.resource_spans for scope in resource.scope_spans for span in scope.spans]
            roots = [span for span in spans if not span.parent_span_id]
            self.assertEqual([span.name for span in roots], ["group"])
            self.assertEqual({(len(span.trace_id), len(span.span_id)) for span in spans}, {(16, 8)})
            self.assertEqual(len({span.span_id for span in spans}), len(spans))
            for span in spans:
                self.assertLessEqual(roots[0].start_time_unix_nano, span.start_time_unix_nano)
                self.assertLessEqual(span.start_time_unix_nano, span.end_time_unix_nano)
                self.assertLessEqual(span.end_time_unix_nano, roots[0].end_time_unix_nano)

    def test_spans_of_a_trained_group_are_its_stages_and_name_it(self):
        trained = 0
        for line in self.otlp():
            names, groups = set(), set()
            for resource in line["resourceSpans"]:
                for span in resource["scopeSpans"][0]["spans"]:
                    names.add(span["name"])
                    groups.update(attribute["value"]["stringValue"] for attribute in span["attributes"] if attribute["key"] == "maspo.group")
            self.assertEqual(len(groups), 1)
            if "train" in names:
                trained += 1
                self.assertLessEqual(WORKER_SPANS - {"lease"}, names)
        self.assertEqual(trained, 16 * STEPS)


if __name__ == "__main__":
    unittest.main()
