"""The overlays of deploy/kubernetes as kustomize renders them, for the tests of this folder.

Needs the Python environment .venv-kubernetes, which make test-kubernetes makes; kubectl is in it.
"""

import functools
import pathlib
import subprocess
import sys

import yaml

SOURCE = pathlib.Path(__file__).resolve().parents[2]
MANIFESTS = SOURCE / "deploy/kubernetes"
TOOLS = pathlib.Path(sys.executable).parent
PRODUCTION = ("single-node", "a100-30x8", "leaderworkerset")
OVERLAYS = PRODUCTION + ("dev-cpu",)
ROLES = ("learner", "rollout-worker", "reward-server")


@functools.cache
def text(overlay):
    result = subprocess.run([TOOLS / "kubectl", "kustomize", MANIFESTS / "overlays" / overlay], capture_output=True, text=True)
    assert result.returncode == 0, f"{overlay}: {result.stderr}"
    return result.stdout


@functools.cache
def objects(overlay):
    return list(yaml.safe_load_all(text(overlay)))


def of_kind(overlay, *kinds):
    return [item for item in objects(overlay) if item["kind"] in kinds]


def find(overlay, kind, name):
    found = [item for item in of_kind(overlay, kind) if item["metadata"]["name"] == name]
    assert len(found) == 1, f"{overlay}: {kind} {name} is there {len(found)} times"
    return found[0]


def template(workload):
    """The pod template of a StatefulSet, Deployment or LeaderWorkerSet."""
    spec = workload["spec"]
    return spec["leaderWorkerTemplate"]["workerTemplate"] if workload["kind"] == "LeaderWorkerSet" else spec["template"]


def workloads(overlay):
    """Role -> what makes its pods."""
    return {item["metadata"]["name"]: item for item in of_kind(overlay, "StatefulSet", "Deployment", "LeaderWorkerSet")}


def pods(overlay):
    """Role -> pod spec."""
    return {role: template(workload)["spec"] for role, workload in workloads(overlay).items()}


def run_configuration(overlay):
    """What the pods find as /config/run.yaml."""
    maps = [item for item in of_kind(overlay, "ConfigMap") if item["metadata"]["name"].startswith("maspo-run-")]
    assert len(maps) == 1, f"{overlay}: {len(maps)} run configurations"
    return yaml.safe_load(maps[0]["data"]["run.yaml"])
