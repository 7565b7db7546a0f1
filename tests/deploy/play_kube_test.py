"""The overlay dev-cpu for real, as far as this is possible without a cluster: its pods by `podman play kube`.

  .venv-kubernetes/bin/python play_kube_test.py        needs root, podman, catatonit, netavark, aardvark-dns, the images
                                                       maspo-*:MASPO_TAG in docker (make docker), and the environment that
                                                       make test-kubernetes makes

What podman does not know is translated: the pods that StatefulSet and Deployments would make, the variables of their
arguments, ports, probes, emptyDir volumes, and the learner's name in the service. The rest, and the run's configuration, is what a cluster gets.
"""

import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import yaml

import manifests

TAG = os.environ.get("MASPO_TAG", "latest")
NETWORK = f"maspo-play-{os.getpid()}"
IMAGES = ("learner", "rollout-worker", "reward-server", "quickstart-data")
LEARNER = "learner-0-learner"


def run(*command, check=True, **options):
    result = subprocess.run(command, capture_output=True, text=True, **options)
    if check and result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {result.returncode}:\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
    return result.stdout


def pods_of(item):
    """(name, pod template) of each pod that a controller would make."""
    name, spec = item["metadata"]["name"], item["spec"]
    if item["kind"] == "StatefulSet":
        return [(f"{name}-{i}", spec["template"]) for i in range(spec["replicas"])]
    count = spec.get("replicas", 1)
    return [(name if count == 1 else f"{name}-{i}", spec["template"]) for i in range(count)]


def as_pod(name, template):
    pod = json.loads(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": template["spec"]}))
    # An init container that is kept: removing it at once, podman sometimes finds it still running.
    pod["metadata"]["annotations"] = {"io.podman.annotations.init.container.type": "always"}
    claims = []
    for container in pod["spec"]["containers"] + pod["spec"].get("initContainers", []):
        container["image"] = f"localhost/{container['image']}:{TAG}"
        for key in ("ports", "startupProbe", "readinessProbe", "livenessProbe"):
            container.pop(key, None)  # Ports would be published, and two pods have the same; probes need systemd.
        variables = {"POD_NAME": name, **{entry["name"]: entry["value"] for entry in container.get("env", []) if "value" in entry}}
        for key, value in variables.items():
            container["args"] = [argument.replace(f"$({key})", value) for argument in container.get("args", [])]
    for volume in pod["spec"]["volumes"]:
        if volume.pop("emptyDir", None) is not None:
            claim = f"{name}-{volume['name']}"
            volume["persistentVolumeClaim"] = {"claimName": claim}
            claims.append({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": claim},
                           "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}})
    return claims + [pod]


def playable():
    objects = []
    for item in manifests.objects("dev-cpu"):
        item["metadata"].pop("namespace", None)
        if item["kind"] in ("ConfigMap", "PersistentVolumeClaim"):
            objects.append(item)
        elif item["kind"] in ("StatefulSet", "Deployment"):
            for name, template in pods_of(item):
                objects += as_pod(name, template)
    order = {"ConfigMap": 0, "PersistentVolumeClaim": 1, "Pod": 2}
    text = yaml.safe_dump_all(sorted(objects, key=lambda item: order[item["kind"]]))
    return text.replace("learner-0.learner:", "learner-0:")


def containers_conf():
    """What podman needs in a container or a small virtual machine itself: limits below its own, as its defaults are refused
    where nobody may raise them; runc where it is, as crun wants cgroups of version 2 alone; and names of pods in DNS."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    engine = '[engine]\nruntime = "runc"\n' if shutil.which("runc") else ""
    return f'[containers]\ndefault_ulimits = ["nofile={files}:{files}", "nproc=4096:4096"]\n{engine}[network]\nnetwork_backend = "netavark"\n'


class PlayKubeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        conf = tempfile.NamedTemporaryFile("w", suffix=".conf")
        cls.addClassCleanup(conf.close)
        conf.write(containers_conf())
        conf.flush()
        os.environ["CONTAINERS_CONF"] = conf.name
        for image in IMAGES:
            with subprocess.Popen(["docker", "save", f"maspo-{image}:{TAG}"], stdout=subprocess.PIPE) as save:
                run("podman", "load", stdin=save.stdout)
        cls.file = tempfile.NamedTemporaryFile("w", suffix=".yaml")
        cls.addClassCleanup(cls.file.close)
        cls.file.write(playable())
        cls.file.flush()
        run("podman", "network", "create", NETWORK)
        cls.addClassCleanup(cls.remove)
        run("podman", "play", "kube", "--network", NETWORK, cls.file.name)

    @classmethod
    def remove(cls):
        run("podman", "play", "kube", "--down", cls.file.name, check=False)
        claims = [item["metadata"]["name"] for item in yaml.safe_load_all(pathlib.Path(cls.file.name).read_text())
                  if item["kind"] == "PersistentVolumeClaim"]
        run("podman", "volume", "rm", "--force", *claims, check=False)
        run("podman", "network", "rm", "--force", NETWORK, check=False)

    def status(self):
        text = run("podman", "exec", LEARNER, "maspo", "status", "127.0.0.1:50051", "--json", check=False)
        return json.loads(text) if text else None

    def test_training_rises(self):
        first, step, deadline = None, 0, time.monotonic() + 480
        while step < 40:
            self.assertLess(time.monotonic(), deadline, run("podman", "logs", LEARNER, check=False)[-3000:])
            time.sleep(2)
            status = self.status()
            if not status:
                continue
            step = int(status["step"])
            if step > 0 and first is None:
                first = status["metrics"]["reward/mean"]
        last = status["metrics"]["reward/mean"]
        print(f"reward {first:+.3f} early, {last:+.3f} in step {step}; {len(status['workers'])} workers", file=sys.stderr)
        self.assertEqual(len(status["workers"]), 2)
        self.assertGreater(last, first + 0.3)
        ledger = json.loads(run("podman", "exec", LEARNER, "maspo", "ledger", "/runs/run", "--json"))
        self.assertTrue(ledger["balanced"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
