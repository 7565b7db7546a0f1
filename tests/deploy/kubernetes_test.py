"""The manifests as kustomize renders them: schemas of two Kubernetes versions, policies, and what must agree with other files.

  kubernetes_test.py        needs kubectl, and a Python environment in .venv-kubernetes (make test-kubernetes makes it)
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import yaml

SOURCE = pathlib.Path(__file__).resolve().parents[2]
MANIFESTS = SOURCE / "deploy/kubernetes"
OVERLAYS = ("single-node", "a100-30x8", "leaderworkerset", "dev-cpu")
TOOLS = pathlib.Path(sys.executable).parent
VERSIONS = ("1.30", "1.37")
# A cluster's own registry, tags and digests come in with `images:` of the user's overlay. A CPU limit throttles a process that
# should rather be waited for; requests are set.
NOT_OURS = ("CKV_K8S_11", "CKV_K8S_14", "CKV_K8S_15", "CKV_K8S_43")


def rendered(overlay):
    return subprocess.run(["kubectl", "kustomize", MANIFESTS / "overlays" / overlay], check=True, capture_output=True, text=True).stdout


class ManifestsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.texts = {overlay: rendered(overlay) for overlay in OVERLAYS}
        cls.objects = {overlay: list(yaml.safe_load_all(text)) for overlay, text in cls.texts.items()}

    def find(self, overlay, kind, name):
        found = [item for item in self.objects[overlay] if item["kind"] == kind and item["metadata"]["name"] == name]
        self.assertEqual(len(found), 1, f"{overlay}: {kind} {name}")
        return found[0]

    def pod(self, overlay, kind, name):
        return self.find(overlay, kind, name)["spec"]["template"]["spec"]

    def test_everything_fits_the_schemas(self):
        for overlay, text in self.texts.items():
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(text)
                file.flush()
                for version in VERSIONS:
                    result = subprocess.run([TOOLS / "kubernetes-validate", "--strict", "-k", version, file.name], capture_output=True, text=True)
                    self.assertEqual(result.returncode, 0, f"{overlay}, {version}:\n{result.stdout}{result.stderr}")

    def test_policies_are_kept(self):
        for overlay in ("a100-30x8", "dev-cpu"):
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(self.texts[overlay])
                file.flush()
                result = subprocess.run([TOOLS / "checkov", "-f", file.name, "--framework", "kubernetes", "-o", "json", "--compact", "--quiet",
                                         "--skip-check", ",".join(NOT_OURS)], capture_output=True, text=True)
            summary = json.loads(result.stdout)
            failed = [f"{check['check_id']} {check['resource']}" for check in summary["results"]["failed_checks"]]
            self.assertEqual(failed, [], overlay)
            self.assertGreater(summary["summary"]["passed"], 200)

    def test_each_worker_has_one_gpu_and_there_are_as_many_as_the_machines_have(self):
        for overlay, gpus in (("single-node", 8), ("a100-30x8", 240)):
            total = 0
            for kind, name in (("StatefulSet", "learner"), ("Deployment", "rollout-worker")):
                per_pod = self.pod(overlay, kind, name)["containers"][0]["resources"]["limits"]["nvidia.com/gpu"]
                self.assertEqual(per_pod, 1)
                total += self.find(overlay, kind, name)["spec"]["replicas"]
            self.assertEqual(total, gpus)

    def test_the_leader_worker_set_runs_the_same_pod(self):
        stateful = self.pod("a100-30x8", "StatefulSet", "learner")
        gang = self.find("leaderworkerset", "LeaderWorkerSet", "learner")["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]
        self.assertEqual(gang, stateful)

    def test_volumes_of_every_pod_are_mounted_and_exist(self):
        for overlay, objects in self.objects.items():
            for item in objects:
                pod = item.get("spec", {}).get("template", {}).get("spec", {}) if item["kind"] in ("StatefulSet", "Deployment") else {}
                volumes = {volume["name"] for volume in pod.get("volumes", [])}
                mounted = {mount["name"] for part in ("containers", "initContainers") for container in pod.get(part, [])
                           for mount in container["volumeMounts"]}
                self.assertEqual(volumes, mounted, f"{overlay}: {item['metadata']['name']}")

    def test_rules_are_those_of_prometheus(self):
        rules = self.find("a100-30x8", "PrometheusRule", "maspo")["spec"]
        self.assertEqual(rules, yaml.safe_load((SOURCE / "deploy/prometheus/rules.yml").read_text()), "run deploy/kubernetes/make_rules.py")

    def test_the_dev_run_is_the_quick_start(self):
        run = yaml.safe_load((MANIFESTS / "overlays/dev-cpu/run.yaml").read_text())
        quickstart = yaml.safe_load(re.sub(r"\.\./\.\./examples", "/models/examples", (SOURCE / "deploy/configs/quickstart.yaml").read_text()))
        self.assertEqual({key: run[key] for key in quickstart}, quickstart)


if __name__ == "__main__":
    unittest.main(verbosity=2)
