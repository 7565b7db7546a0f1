"""The certificate that production's overlays ask cert-manager for, made with openssl, and three roles that train with it.

  with_kubernetes_tools tls_test.py        MASPO_BIN_DIR has the programs
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import yaml

import manifests

sys.path.append(str(manifests.SOURCE / "tests/support"))
from ports import free_address

BIN = pathlib.Path(os.environ["MASPO_BIN_DIR"])
USAGES = {"server auth": "serverAuth", "client auth": "clientAuth"}


def make_certificates(folder, certificate):
    """tls.crt, tls.key and ca.crt, as cert-manager puts them into the secret."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = [f"DNS:{name}" for name in certificate["dnsNames"]] + [f"IP:{address}" for address in certificate["ipAddresses"]]
    (folder / "extensions").write_text(f"subjectAltName={','.join(names)}\nextendedKeyUsage={','.join(USAGES[u] for u in certificate['usages'])}\n")
    openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=maspo-ca", "-keyout", "ca.key", "-out", "ca.crt")
    openssl("req", *key, "-subj", "/CN=maspo", "-keyout", "tls.key", "-out", "tls.csr")
    openssl("x509", "-req", "-in", "tls.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extensions", "-out", "tls.crt")


class TlsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        make_certificates(self.folder, manifests.find("a100-30x8", "Certificate", "maspo")["spec"])
        self.learner, self.reward = free_address(), free_address()
        run = yaml.safe_load((manifests.SOURCE / "deploy/configs/quickstart.yaml").read_text().replace("../../", f"{manifests.SOURCE}/"))
        del run["data"]["eval"], run["evaluation"]
        run["run"].update(steps=2, checkpoint_interval=0)
        files = manifests.run_configuration("a100-30x8")["network"]["tls"]
        run["network"] = {"learner": self.learner, "reward_servers": [self.reward],
                          "tls": {key: path.replace("/certificates/", f"{self.folder}/") for key, path in files.items()}}
        self.config = self.folder / "run.yaml"
        self.config.write_text(yaml.safe_dump(run))

    def start(self, role, *arguments):
        with open(self.folder / f"{role}.log", "w") as log:
            process = subprocess.Popen([BIN / f"maspo-{role}", f"--config={self.config}", *arguments], stdout=log, stderr=subprocess.STDOUT)
        self.addCleanup(process.wait, 60)
        self.addCleanup(process.send_signal, signal.SIGTERM)
        return process

    def health(self, target, *arguments):
        return subprocess.run([BIN / "maspo-health", target, *arguments], capture_output=True, text=True).returncode

    def test_roles_probes_and_people_get_in_with_it_and_nobody_else(self):
        self.start("reward-server", f"--listen={self.reward}")
        learner = self.start("learner", f"--run-dir={self.folder}/run")
        deadline = time.monotonic() + 60
        while any(self.health(target, f"--config={self.config}") for target in (self.learner, self.reward)):
            self.assertLess(time.monotonic(), deadline, (self.folder / "learner.log").read_text()[-1000:])
            time.sleep(0.2)
        self.assertNotEqual(self.health(self.learner), 0)
        self.assertNotEqual(self.health(self.reward), 0)
        status = subprocess.run([BIN / "maspo", "status", self.learner, f"--config={self.config}"], capture_output=True, text=True)
        self.assertRegex(status.stdout, re.compile(r"^step 0/2", re.MULTILINE), status.stderr)
        self.start("rollout-worker")
        self.assertEqual(learner.wait(120), 0, (self.folder / "learner.log").read_text()[-1000:])


if __name__ == "__main__":
    unittest.main(verbosity=2)
