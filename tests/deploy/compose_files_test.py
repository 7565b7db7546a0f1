"""compose.yaml alone and with compose.gpu.yaml, as docker-compose reads them. compose_test.py runs it.

Needs docker-compose or the plugin of docker, but no daemon; skipped with a message without them.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import unittest

try:
    import yaml
except ImportError:
    print("skipped: this Python has no yaml; install python3-yaml")
    sys.exit(77)

SOURCE = pathlib.Path(os.environ["MASPO_SOURCE_DIR"])
ROLES = ("learner", "rollout-worker", "reward-server")


def command():
    for candidate in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(candidate[0]) and subprocess.run([*candidate, "version"], capture_output=True).returncode == 0:
            return candidate
    print("skipped: neither docker compose nor docker-compose is here")
    sys.exit(77)


COMPOSE = command()


def services(*files):
    arguments = [argument for file in files for argument in ("--file", SOURCE / file)]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MASPO_")}
    result = subprocess.run([*COMPOSE, *arguments, "config"], capture_output=True, text=True, env=clean)
    assert result.returncode == 0, result.stderr
    return yaml.safe_load(result.stdout)["services"]


class ComposeFilesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cpu = services("compose.yaml")
        cls.gpu = services("compose.yaml", "compose.gpu.yaml")

    def test_both_run_the_same_services(self):
        self.assertEqual(set(self.cpu), {*ROLES, "prometheus", "grafana"})
        self.assertEqual(set(self.gpu), set(self.cpu))

    def test_roles_can_write_nowhere_but_to_their_volumes(self):
        for name in ROLES:
            for service in (self.cpu[name], self.gpu[name]):
                self.assertTrue(service["read_only"], name)
                self.assertEqual(service["restart"], "on-failure", name)
                texts = [volume if isinstance(volume, str) else f"{volume['target']}:{'ro' if volume.get('read_only') else 'rw'}"
                         for volume in service["volumes"]]
                writable = [text for text in texts if not text.endswith(":ro")]
                self.assertEqual(len(writable), 1 if name == "learner" else 0, f"{name}: {writable}")

    def test_nobody_keeps_privileges(self):
        for name, service in self.gpu.items():
            self.assertTrue(service["read_only"], name)
            self.assertEqual(service["cap_drop"], ["ALL"], name)
            self.assertEqual(service["security_opt"], ["no-new-privileges:true"], name)

    def test_nothing_is_published_beyond_this_machine(self):
        for name, service in self.cpu.items():
            for port in service.get("ports", []):
                self.assertTrue(port.startswith("127.0.0.1:") if isinstance(port, str) else port["host_ip"] == "127.0.0.1", f"{name}: {port}")

    def test_public_images_have_a_version(self):
        for name in ("prometheus", "grafana"):
            self.assertRegex(self.cpu[name]["image"], r":v?\d+\.\d+\.\d+$")

    def test_learner_and_worker_get_a_gpu_each_and_images_for_it(self):
        taken = []
        for name in ("learner", "rollout-worker"):
            service = self.gpu[name]
            self.assertTrue(service["image"].endswith("-cuda"), name)
            self.assertEqual(service["build"]["args"]["DEVICE"], "cuda")
            self.assertEqual(service["build"]["target"], name)
            device = service["deploy"]["resources"]["reservations"]["devices"][0]
            self.assertEqual((device["driver"], device["capabilities"]), ("nvidia", ["gpu"]))
            taken += device["device_ids"]
        self.assertEqual(len(set(taken)), 2)
        self.assertEqual(self.cpu["learner"]["command"], self.gpu["learner"]["command"])


if __name__ == "__main__":
    unittest.main()
