"""The manifests as kustomize renders them: schemas of two Kubernetes versions and of the operators' own kinds, policies, and
what must agree with other files. kubernetes_security_test.py has who may do what.

  .venv-kubernetes/bin/python kubernetes_test.py        make test-kubernetes makes the environment
"""

import json
import re
import subprocess
import tempfile
import unittest

import kubernetes_validate
import yaml
from cloudcoil.models.cert_manager import v1 as cert_manager
from cloudcoil.models.prometheus_operator import v1 as prometheus_operator

from manifests import MANIFESTS, OVERLAYS, PRODUCTION, ROLES, SOURCE, TOOLS, find, objects, of_kind, pods, run_configuration, text, workloads

VERSIONS = ("1.30", "1.37")
# Kinds that Kubernetes itself does not have, by the models generated from their definitions.
OPERATORS = {"Certificate": cert_manager.Certificate, "Issuer": cert_manager.Issuer, "PodMonitor": prometheus_operator.PodMonitor,
             "PrometheusRule": prometheus_operator.PrometheusRule, "ServiceMonitor": prometheus_operator.ServiceMonitor}
# No package has its definition; its pod is compared with the StatefulSet's, which has a schema.
WITHOUT_SCHEMA = {"LeaderWorkerSet"}
# A cluster's own registry, tags and digests come in with `images:` of the user's overlay. A CPU limit throttles a process that
# should rather be waited for; requests are set.
NOT_OURS = ("CKV_K8S_11", "CKV_K8S_14", "CKV_K8S_15", "CKV_K8S_43")


def unknown_keys(given, model, where=""):
    """Paths of keys that a model's class dropped or does not have, which Kubernetes would refuse under strict validation."""
    if isinstance(given, dict) and isinstance(model, dict):
        found = [f"{where}.{key}" for key in given if key not in model]
        return found + [path for key in given if key in model for path in unknown_keys(given[key], model[key], f"{where}.{key}")]
    if isinstance(given, list) and isinstance(model, list):
        return [path for i, (a, b) in enumerate(zip(given, model)) for path in unknown_keys(a, b, f"{where}[{i}]")]
    return []


class SchemasTest(unittest.TestCase):
    def test_what_kubernetes_has_fits_the_schemas_of_two_versions(self):
        for overlay in OVERLAYS:
            for item in objects(overlay):
                for version in VERSIONS if item["kind"] not in {*OPERATORS, *WITHOUT_SCHEMA} else ():
                    with self.subTest(overlay=overlay, kind=item["kind"], name=item["metadata"]["name"], version=version):
                        kubernetes_validate.validate(item, version, strict=True)

    def test_the_shell_fits_them_too(self):
        for version in VERSIONS:
            kubernetes_validate.validate(yaml.safe_load((MANIFESTS / "shell.yaml").read_text()), version, strict=True)

    def test_what_operators_add_fits_their_definitions(self):
        seen = set()
        for overlay in PRODUCTION:
            for item in of_kind(overlay, *OPERATORS):
                seen.add(item["kind"])
                where = f"{overlay}: {item['kind']} {item['metadata']['name']}"
                model = OPERATORS[item["kind"]].model_validate(item)
                self.assertEqual(unknown_keys(item, model.model_dump(mode="json", by_alias=True)), [], where)
        self.assertEqual(seen, set(OPERATORS))

    def test_a_misspelt_key_is_found(self):
        item = json.loads(json.dumps(find("a100-30x8", "ServiceMonitor", "maspo")))
        item["spec"]["endpoints"][0]["intervall"] = "10s"
        model = OPERATORS["ServiceMonitor"].model_validate(item)
        self.assertEqual(unknown_keys(item, model.model_dump(mode="json", by_alias=True)), [".spec.endpoints[0].intervall"])

    def test_policies_are_kept(self):
        for overlay in ("a100-30x8", "dev-cpu"):
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(text(overlay))
                file.flush()
                result = subprocess.run([TOOLS / "checkov", "-f", file.name, "--framework", "kubernetes", "-o", "json", "--compact", "--quiet",
                                         "--skip-download", "--skip-check", ",".join(NOT_OURS)], capture_output=True, text=True)
            summary = json.loads(result.stdout)
            failed = [f"{check['check_id']} {check['resource']}" for check in summary["results"]["failed_checks"]]
            self.assertEqual(failed, [], overlay)
            self.assertGreater(summary["summary"]["passed"], 200)


class ManifestsTest(unittest.TestCase):
    def test_each_worker_has_one_gpu_and_there_are_as_many_as_the_machines_have(self):
        for overlay, gpus in (("single-node", 8), ("a100-30x8", 240), ("leaderworkerset", 240)):
            total = 0
            for role in ("learner", "rollout-worker"):
                self.assertEqual(pods(overlay)[role]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"], 1)
                total += workloads(overlay)[role]["spec"]["replicas"]
            self.assertEqual(total, gpus)

    def test_infiniband_comes_with_devices_and_settings_of_nccl(self):
        for overlay in ("a100-30x8", "leaderworkerset"):
            for role in ("learner", "rollout-worker"):
                container = pods(overlay)[role]["containers"][0]
                self.assertEqual(container["resources"]["limits"]["rdma/hca_shared_devices_a"], 1)
                settings = {entry["name"] for entry in container["env"]}
                self.assertLessEqual({"NCCL_SOCKET_IFNAME", "NCCL_IB_HCA", "NCCL_IB_TIMEOUT", "NCCL_NET_GDR_LEVEL"}, settings)

    def test_processes_with_gpus_have_shared_memory(self):
        for overlay in PRODUCTION:
            for role in ("learner", "rollout-worker"):
                pod = pods(overlay)[role]
                shm = [volume for volume in pod["volumes"] if volume.get("emptyDir", {}).get("medium") == "Memory"]
                mounts = {mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
                self.assertEqual(mounts["/dev/shm"], shm[0]["name"])

    def test_what_all_nodes_use_is_on_volumes_that_many_nodes_mount(self):
        for overlay in PRODUCTION:
            modes = {item["metadata"]["name"]: item["spec"]["accessModes"] for item in of_kind(overlay, "PersistentVolumeClaim")}
            self.assertEqual(modes, {"maspo-models": ["ReadWriteMany"], "maspo-runs": ["ReadWriteMany"]})

    def test_the_leader_worker_set_runs_the_same_pod(self):
        self.assertEqual(pods("leaderworkerset")["learner"], pods("a100-30x8")["learner"])

    def test_volumes_of_every_pod_are_mounted_and_exist(self):
        for overlay in OVERLAYS:
            for role, pod in pods(overlay).items():
                volumes = {volume["name"] for volume in pod["volumes"]}
                mounted = {mount["name"] for part in ("containers", "initContainers") for container in pod.get(part, [])
                           for mount in container["volumeMounts"]}
                self.assertEqual(volumes, mounted, f"{overlay}: {role}")

    def test_everything_that_is_scraped_is_selected(self):
        selectors = [(item["kind"], item["spec"]["selector"]) for item in of_kind("a100-30x8", "ServiceMonitor", "PodMonitor")]
        names = {name for _, selector in selectors for name in
                 [*selector.get("matchLabels", {}).values(), *(value for e in selector.get("matchExpressions", []) for value in e["values"])]}
        self.assertEqual(names, set(ROLES))
        for item in of_kind("a100-30x8", "Service"):
            self.assertIn("metrics", [port["name"] for port in item["spec"]["ports"]])

    def test_the_dev_run_is_the_quick_start(self):
        run = run_configuration("dev-cpu")
        quickstart = yaml.safe_load(re.sub(r"\.\./\.\./examples", "/models/examples", (SOURCE / "deploy/configs/quickstart.yaml").read_text()))
        self.assertEqual({key: run[key] for key in quickstart}, quickstart)

    def test_rules_are_those_of_prometheus(self):
        rules = find("a100-30x8", "PrometheusRule", "maspo")["spec"]
        self.assertEqual(rules, yaml.safe_load((SOURCE / "deploy/prometheus/rules.yml").read_text()), "run deploy/kubernetes/make_rules.py")

    def test_the_documentation_names_every_overlay(self):
        documented = set(re.findall(r"^\| `([a-z0-9-]+)` \|", (SOURCE / "docs/kubernetes.md").read_text(), re.MULTILINE))
        self.assertEqual({path.name for path in (MANIFESTS / "overlays").iterdir()}, set(OVERLAYS))
        self.assertLessEqual(set(OVERLAYS), documented)


if __name__ == "__main__":
    unittest.main(verbosity=2)
