"""Dashboards as Grafana's own models read them, those of the version that compose.yaml runs: every panel type is known, every value is of
its type, and nothing gets lost on the way through. Needs the package grafana-foundation-sdk.

What the queries give is in dashboards_test.py.
"""

import copy
import enum
import importlib.metadata
import json
import os
import pathlib
import re
import types
import typing
import unittest

from grafana_foundation_sdk.cog import plugins, runtime
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

SOURCE = pathlib.Path(os.environ["MASPO_SOURCE_DIR"])
DASHBOARDS = sorted((SOURCE / "deploy/grafana/dashboards").glob("*.json"))
# The annotation editor of Prometheus' data source keeps these beside the fields that all annotations have.
PROMETHEUS_ANNOTATION = {"step", "titleFormat", "textFormat"}

plugins.register_default_plugins()


def lost(before, after, where=""):
    """What the models dropped or changed, as paths. They may add defaults."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            yield from lost(value, after[key], f"{where}.{key}") if key in after else [f"{where}.{key} is no field"]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for i, (old, new) in enumerate(zip(before, after)):
            yield from lost(old, new, f"{where}[{i}]")
    elif before != after:
        yield f"{where}: {before} became {after}"


def mistyped(value, hint=object, where=""):
    """Where a model holds what its annotations do not allow, as paths."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        found = [list(mistyped(value, argument, where)) for argument in arguments]
        yield from [] if [] in found else max(found, key=len)
    elif origin is typing.Literal:
        yield from [] if value in arguments else [f"{where}: {value!r} is none of {arguments}"]
    elif origin is list and isinstance(value, list):
        for i, element in enumerate(value):
            yield from mistyped(element, *arguments, f"{where}[{i}]")
    elif origin is dict and isinstance(value, dict):
        for key, element in value.items():
            yield from mistyped(element, arguments[1], f"{where}.{key}")
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        yield from [] if value in list(hint) else [f"{where}: {value!r} is none of {[member.value for member in hint]}"]
    elif not isinstance(value, (int, float) if hint is float else origin or hint) or (hint in (int, float) and isinstance(value, bool)):
        yield f"{where}: {value!r} is no {hint}"
    elif hasattr(value, "to_json"):
        for name, field in typing.get_type_hints(type(value)).items():
            yield from mistyped(getattr(value, name), field, f"{where}.{name}")


def faults(content):
    content = copy.deepcopy(content)
    for annotation in content["annotations"]["list"]:
        for key in PROMETHEUS_ANNOTATION:
            annotation.pop(key, None)
    model = Dashboard.from_json(content)
    for panel in content["panels"]:
        if panel["type"] != "row" and runtime.panelcfg_config(panel["type"]) is None:
            yield f"{panel['title']}: Grafana has no panel {panel['type']}"
        for target in panel.get("targets", []):
            if isinstance(runtime.dataquery_from_json(target, ""), runtime.UnknownDataquery):
                yield f"{panel['title']}: no query of a data source that Grafana has: {target}"
    yield from lost(content, json.loads(json.dumps(model, cls=JSONEncoder)))
    yield from mistyped(model)


class DashboardModelsTest(unittest.TestCase):
    def test_the_models_are_those_of_the_grafana_that_compose_starts(self):
        image = re.search(r"grafana/grafana:([0-9.]+)", (SOURCE / "compose.yaml").read_text())[1]
        self.assertEqual(importlib.metadata.version("grafana-foundation-sdk").partition("!")[2], image)

    def test_grafana_reads_every_dashboard(self):
        self.assertEqual(len(DASHBOARDS), 3)
        for path in DASHBOARDS:
            with self.subTest(dashboard=path.name):
                self.assertEqual(list(faults(json.loads(path.read_text()))), [])

    def test_mistakes_are_noticed(self):
        good = json.loads(DASHBOARDS[-1].read_text())
        place, panel = next((i, panel) for i, panel in enumerate(good["panels"]) if panel["type"] == "timeseries")
        for change, fault in (
                ({"type": "timeserie"}, "Grafana has no panel timeserie"),
                ({"descriptoin": ""}, "descriptoin is no field"),
                ({"options": panel["options"] | {"legends": {}}}, "legends is no field"),
                ({"options": panel["options"] | {"legend": {"displayMode": "lost", "placement": "bottom", "calcs": []}}}, "'lost' is none of"),
                ({"fieldConfig": {"defaults": {"custom": {"drawStyle": "curve"}}, "overrides": []}}, "'curve' is none of"),
                ({"gridPos": {"x": "0", "y": 0, "w": 6, "h": 4}}, "'0' is no"),
                ({"targets": [{"refId": "A", "datasource": {"type": "promteheus"}, "expr": "up"}]}, "no query of a data source"),
                ({"targets": [panel["targets"][0] | {"legend": "{{run}}"}]}, "legend is no field")):
            with self.subTest(fault=fault):
                bad = copy.deepcopy(good)
                bad["panels"][place] |= change
                self.assertRegex("\n".join(faults(bad)), fault)


if __name__ == "__main__":
    unittest.main()
