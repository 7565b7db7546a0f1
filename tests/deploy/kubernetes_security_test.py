"""Who may do what in the rendered manifests: which connections the network policies let through, whether gRPC is encrypted and
with names that certificates hold, what containers may do, and what happens to a pod that starts, hangs, drains or is evicted.

  .venv-kubernetes/bin/python kubernetes_security_test.py
"""

import itertools
import unittest

import yaml

from manifests import MANIFESTS, OVERLAYS, PRODUCTION, ROLES, find, of_kind, pods, run_configuration, template, workloads

GRPC, METRICS, BROADCAST = 50051, 9464, 40000
# Where a connection may come from or go to, as (namespace, labels).
OURS = {role: ("maspo", {"app.kubernetes.io/name": role, "app.kubernetes.io/part-of": "maspo"}) for role in ROLES}
OTHERS = {"monitoring": ("monitoring", {}), "dns": ("kube-system", {"k8s-app": "kube-dns"}), "another namespace": ("default", {})}
PEERS = {**OURS, **OTHERS}


def selects(selector, labels):
    return selector is not None and not selector.get("matchExpressions") and selector.get("matchLabels", {}).items() <= labels.items()


def admits(rule, side, peer, port, protocol):
    namespace, labels = PEERS[peer]
    ports = rule.get("ports")
    if ports is not None and not any(entry.get("protocol", "TCP") == protocol and entry["port"] <= port <= entry.get("endPort", entry["port"])
                                     for entry in ports):
        return False
    if side not in rule:
        return True
    for entry in rule[side]:
        assert "ipBlock" not in entry
        inside = selects(entry["namespaceSelector"], {"kubernetes.io/metadata.name": namespace}) if "namespaceSelector" in entry else namespace == "maspo"
        if inside and ("podSelector" not in entry or selects(entry["podSelector"], labels)):
            return True
    return False


def allowed(policies, direction, role, peer, port, protocol="TCP"):
    """By the policies of a pod: Kubernetes denies what no policy that selects it admits, and admits all if none selects it."""
    side = {"Ingress": "from", "Egress": "to"}[direction]
    mine = [policy["spec"] for policy in policies if direction in policy["spec"]["policyTypes"] and selects(policy["spec"]["podSelector"], OURS[role][1])]
    return not mine or any(admits(rule, side, peer, port, protocol) for spec in mine for rule in spec.get(direction.lower(), []))


class NetworkTest(unittest.TestCase):
    def connections(self, overlay):
        """(from, to, port) of what gets through, at both ends where both are ours."""
        policies = of_kind(overlay, "NetworkPolicy")
        found = set()
        for source, target in itertools.product(PEERS, PEERS):
            for port in (22, 53, 80, 443, METRICS, BROADCAST, GRPC):
                out = source not in OURS or allowed(policies, "Egress", source, target, port)
                into = target not in OURS or allowed(policies, "Ingress", target, source, port)
                if out and into and (source in OURS or target in OURS):
                    found.add((source, target, port))
        return found

    def test_exactly_the_hops_get_through(self):
        worker, learner, reward = "rollout-worker", "learner", "reward-server"
        hops = {(worker, learner, GRPC), (worker, reward, GRPC), (worker, learner, BROADCAST), (learner, worker, BROADCAST),
                (worker, worker, BROADCAST)}
        hops |= {(learner, worker, GRPC), (worker, worker, GRPC)}  # Nobody listens; the port lies within the broadcast's range.
        hops |= {("monitoring", role, METRICS) for role in ROLES} | {(role, "dns", 53) for role in ROLES}
        for overlay in OVERLAYS:
            self.assertEqual(self.connections(overlay), hops, overlay)

    def test_names_are_resolved_over_udp_too(self):
        policies = of_kind("a100-30x8", "NetworkPolicy")
        self.assertTrue(all(allowed(policies, "Egress", role, "dns", 53, "UDP") for role in ROLES))


class TlsTest(unittest.TestCase):
    def test_production_speaks_tls_with_files_that_the_pods_mount(self):
        for overlay in PRODUCTION:
            network = run_configuration(overlay)["network"]
            self.assertNotIn("allow_plaintext_on_any_address", network, overlay)
            self.assertTrue(network["tls"].get("client_authentication", True), overlay)
            secret = find(overlay, "Certificate", "maspo")["spec"]["secretName"]
            for role, pod in pods(overlay).items():
                names = [volume["name"] for volume in pod["volumes"] if volume.get("secret", {}).get("secretName") == secret]
                paths = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"] if mount["name"] in names]
                self.assertEqual(len(paths), 1, f"{overlay}: {role}")
                # The keys that cert-manager writes.
                self.assertEqual({key: network["tls"][key] for key in ("certificate_file", "key_file", "ca_file")},
                                 {"certificate_file": f"{paths[0]}/tls.crt", "key_file": f"{paths[0]}/tls.key", "ca_file": f"{paths[0]}/ca.crt"})

    def test_certificates_hold_every_name_that_is_called(self):
        for overlay in PRODUCTION:
            network, certificate = run_configuration(overlay)["network"], find(overlay, "Certificate", "maspo")["spec"]
            called = {address.rsplit(":", 1)[0] for address in [network["learner"], *network["reward_servers"]]}
            self.assertLessEqual(called, set(certificate["dnsNames"]), overlay)
            self.assertIn("127.0.0.1", certificate["ipAddresses"])  # maspo-health
            self.assertEqual(set(certificate["usages"]), {"server auth", "client auth"})


class PodsTest(unittest.TestCase):
    def test_containers_are_as_restricted_as_can_be(self):
        shell = yaml.safe_load((MANIFESTS / "shell.yaml").read_text())["spec"]
        for where, pod in [("shell.yaml", shell), *((f"{overlay}: {role}", pod) for overlay in OVERLAYS for role, pod in pods(overlay).items())]:
            self.assertFalse({"hostNetwork", "hostPID", "hostIPC"} & set(pod), where)
            self.assertTrue(pod["securityContext"]["runAsNonRoot"], where)
            self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"}, where)
            self.assertFalse(pod["automountServiceAccountToken"], where)
            kinds = {key for volume in pod["volumes"] for key in volume if key != "name"}
            self.assertLessEqual(kinds, {"configMap", "secret", "emptyDir", "persistentVolumeClaim"}, where)
            for container in pod["containers"] + pod.get("initContainers", []):
                self.assertEqual(container["securityContext"], {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                                                "capabilities": {"drop": ["ALL"]}}, where)
        for overlay in OVERLAYS:
            self.assertEqual(find(overlay, "Namespace", "maspo")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted")

    def test_health_is_asked_as_each_role_answers(self):
        health = ["maspo-health", "--config=/config/run.yaml", f"127.0.0.1:{GRPC}"]
        for overlay in OVERLAYS:
            for role, pod in pods(overlay).items():
                container = pod["containers"][0]
                for probe in ("readinessProbe", "livenessProbe"):
                    how = container[probe].get("httpGet") or container[probe]["exec"]["command"]
                    self.assertEqual(how, {"path": "/metrics", "port": "metrics"} if role == "rollout-worker" else health, f"{overlay}: {role}")
                # maspo-health gives up after 3 seconds and says why; killing it first would hide that.
                self.assertTrue(all(container[probe]["timeoutSeconds"] > 3 for probe in ("readinessProbe", "livenessProbe")))

    def test_a_process_that_is_only_slow_is_not_killed(self):
        for overlay in OVERLAYS:
            for role, pod in pods(overlay).items():
                seconds = {probe: pod["containers"][0][probe]["periodSeconds"] * pod["containers"][0][probe].get("failureThreshold", 3)
                           for probe in ("startupProbe", "livenessProbe") if probe in pod["containers"][0]}
                self.assertGreaterEqual(seconds["livenessProbe"], 120, f"{overlay}: {role}")
                if role != "reward-server":  # Which loads no model.
                    self.assertGreaterEqual(seconds["startupProbe"], 600, f"{overlay}: {role}")

    def test_a_pod_that_ends_has_the_time_for_it(self):
        for overlay in OVERLAYS:
            grace = {role: pod["terminationGracePeriodSeconds"] for role, pod in pods(overlay).items()}
            self.assertGreaterEqual(grace["learner"], 600)  # A step and a checkpoint.
            before_sigterm = pods(overlay)["reward-server"]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
            self.assertLess(int(before_sigterm[1]), grace["reward-server"])

    def test_each_role_is_spread_budgeted_and_ranked(self):
        for overlay in OVERLAYS:
            labels = {role: template(workload)["metadata"]["labels"] for role, workload in workloads(overlay).items()}
            self.assertEqual(set(labels), set(ROLES))
            values = {item["metadata"]["name"]: item["value"] for item in of_kind(overlay, "PriorityClass")}
            for role, pod in pods(overlay).items():
                budgets = [item for item in of_kind(overlay, "PodDisruptionBudget") if selects(item["spec"]["selector"], labels[role])]
                self.assertEqual(len(budgets), 1, f"{overlay}: {role}")
                self.assertEqual(pod["priorityClassName"], "maspo-learner" if role == "learner" else "maspo-serving")
                if role != "learner":  # One pod.
                    self.assertEqual(pod["topologySpreadConstraints"][0]["topologyKey"], "kubernetes.io/hostname")
            self.assertGreater(values["maspo-learner"], values["maspo-serving"])

    def test_the_autoscaler_and_nobody_else_sets_the_number_of_reward_servers(self):
        for overlay in OVERLAYS:
            scaler = find(overlay, "HorizontalPodAutoscaler", "reward-server")["spec"]
            self.assertEqual(scaler["scaleTargetRef"], {"apiVersion": "apps/v1", "kind": "Deployment", "name": "reward-server"})
            self.assertNotIn("replicas", workloads(overlay)["reward-server"]["spec"])
            self.assertIn("cpu", pods(overlay)["reward-server"]["containers"][0]["resources"]["requests"])  # Its measure.
            self.assertLess(scaler["minReplicas"], scaler["maxReplicas"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
