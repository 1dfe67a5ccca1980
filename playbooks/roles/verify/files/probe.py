"""Checks the cluster by its API server and by pods of its own.

Usage: probe.py KUBECONFIG < wanted

`wanted` is JSON: {"minor": "1.36", "nodes": {name: role}}. Prints the checks as JSON: a list of
{"name", "ok", "detail"}. The exit code is 0 if the checks could be made, whatever they found.

A pod on each worker answers for itself, forwards a question to another pod, and resolves the name
of a service, all by DNS. The pods run CoreDNS: its image is on every node, so nothing has to be
fetched. The pods are deleted at the end.
"""

import json
import secrets
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

NAMESPACE, PORT = "slipway", 5353
# How long the pods may take to run, an answer to arrive, and an answer to become the expected one:
# nodes learn the pods of a new service one after the other.
PODS_SECONDS, ANSWER_SECONDS, ATTEMPTS_SECONDS = 25.0, 2.0, 6.0
PARALLEL = 32
WORKER = "node-role.kubernetes.io/worker"
SERVICE = "kubernetes.default.svc.cluster.local"
TXT, A = 16, 1
COREFILE = """\
node.probe:%(port)d {
  template IN TXT node.probe {
    answer "{{ .Name }} 0 IN TXT {$NODE_NAME}"
  }
}
any.probe:%(port)d {
  rewrite name exact any.probe. node.probe.
  forward . {$NEIGHBOURS} {
    expire 1ms
  }
}
cluster.local:%(port)d {
  forward . {$NAMES}
}
"""


class Cluster:
    def __init__(self, config: str) -> None:
        self._config = config

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        command = ["kubectl", f"--kubeconfig={self._config}", "--request-timeout=15s", *arguments]
        done = subprocess.run(command, input=stdin, check=False, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr.strip() or f"kubectl {arguments[0]} failed")
        return done.stdout

    def get(self, *arguments: str) -> dict:
        return json.loads(self.kubectl("get", *arguments, "--output=json"))


def check(name: str, ok: bool, detail: str) -> dict:
    return {"name": name, "ok": ok, "detail": detail}


def node_checks(cluster: Cluster, wanted: dict) -> list[dict]:
    found = {node["metadata"]["name"]: node for node in cluster.get("nodes")["items"]}
    unplanned = sorted(set(found) - set(wanted["nodes"]))
    missing = sorted(set(wanted["nodes"]) - set(found))
    detail = f"{len(found)} of {len(wanted['nodes'])}"
    detail += f", not planned: {', '.join(unplanned)}" if unplanned else ""
    detail += f", unknown to the API server: {', '.join(missing)}" if missing else ""
    checks = [check("nodes", not unplanned and not missing, detail)]
    for name in sorted(wanted["nodes"]):
        if name not in found:
            checks.append(check(f"node {name}", False, "the API server does not know it"))
            continue
        status = found[name]["status"]
        version = status["nodeInfo"]["kubeletVersion"]
        ready = next((c for c in status["conditions"] if c["type"] == "Ready"), {})
        pressure = [c["type"] for c in status["conditions"]
                    if c["type"].endswith("Pressure") and c["status"] == "True"]  # fmt: skip
        good = ready.get("status") == "True" and version.startswith(f"v{wanted['minor']}.")
        good = good and not pressure
        state = "Ready" if ready.get("status") == "True" else ready.get("message", "not Ready")
        detail = ", ".join([state, version, *pressure])
        checks.append(check(f"node {name}", good, detail))
    return checks


def names_check(cluster: Cluster) -> dict:
    status = cluster.get("--namespace=kube-system", "deployment", "coredns")["status"]
    available, wanted = status.get("availableReplicas", 0), status.get("replicas", 0)
    return check("CoreDNS", available == wanted > 0, f"{available} of {wanted} available")


def manifests(cluster: Cluster, name: str) -> list[dict]:
    coredns = cluster.get("--namespace=kube-system", "deployment", "coredns")
    own = coredns["spec"]["template"]["spec"]["containers"][0]
    names = cluster.get("--namespace=kube-system", "service", "kube-dns")["spec"]["clusterIP"]
    metadata = {"name": name, "namespace": NAMESPACE}
    container = {
        "name": "probe",
        "image": own["image"],
        "args": ["-conf", "/etc/probe/Corefile"],
        "env": [
            {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "NEIGHBOURS", "value": f"$({name.upper().replace('-', '_')}_SERVICE_HOST)"},
            {"name": "NAMES", "value": names},
        ],
        "volumeMounts": [{"name": "config", "mountPath": "/etc/probe"}],
        # CoreDNS's program has a file capability. A container that may not have the capability
        # cannot execute the program.
        "securityContext": own.get("securityContext", {}),
    }
    pod = {
        "nodeSelector": {WORKER: ""},
        "tolerations": [{"operator": "Exists"}],
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": name}}],
    }
    labels = {"app": name}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata,
         "data": {"Corefile": COREFILE % {"port": PORT}}},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata,
         "spec": {"selector": labels,
                  "ports": [{"port": 53, "targetPort": PORT, "protocol": "UDP"}]}},
        {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata,
         "spec": {"selector": {"matchLabels": labels},
                  "template": {"metadata": {"labels": labels}, "spec": pod}}},
    ]  # fmt: skip


def pod_checks(cluster: Cluster, workers: list[str]) -> list[dict]:
    name = f"probe-{secrets.token_hex(4)}"
    for manifest in manifests(cluster, name):
        cluster.kubectl("apply", "--filename=-", stdin=json.dumps(manifest))
    try:
        pods = running_pods(cluster, name, len(workers))
        with ThreadPoolExecutor(PARALLEL) as pool:
            answers = pool.map(lambda worker: ask_pod(pods, worker), workers)
            return [result for checks in answers for result in checks]
    finally:
        kinds = "daemonset,service,configmap"
        cluster.kubectl(
            f"--namespace={NAMESPACE}", "delete", kinds, name, "--wait=false", "--ignore-not-found"
        )


def running_pods(cluster: Cluster, name: str, count: int) -> dict[str, str]:
    """Addresses of the pods that run within PODS_SECONDS, by the names of their nodes."""
    until = time.monotonic() + PODS_SECONDS
    while True:
        items = cluster.get(f"--namespace={NAMESPACE}", "pods", f"--selector=app={name}")["items"]
        pods = {
            pod["spec"]["nodeName"]: pod["status"]["podIP"]
            for pod in items
            if pod["status"]["phase"] == "Running" and pod["status"].get("podIP")
        }
        if len(pods) >= count or time.monotonic() > until:
            return pods
        time.sleep(0.5)


def ask_pod(pods: dict[str, str], worker: str) -> list[dict]:
    own, neighbour, names = f"pod on {worker}", f"{worker} to a neighbour", f"names on {worker}"
    if worker not in pods:
        text = f"no pod runs there after {PODS_SECONDS:.0f} s"
        return [check(own, False, text)]
    address = pods[worker]
    answer = attempt(lambda: ask(address, "node.probe", TXT), lambda got: got == worker)
    checks = [check(own, answer == worker, answer or "no answer")]
    if len(pods) > 1:
        # The service selects a pod for each connection: within a few attempts it is another one.
        answer = attempt(
            lambda: ask(address, "any.probe", TXT), lambda got: got not in ("", worker)
        )
        other = answer not in ("", worker)
        detail = f"reached {answer}" if other else "reached only itself" if answer else "no answer"
        checks.append(check(neighbour, other, detail))
    answer = attempt(lambda: ask(address, SERVICE, A), lambda got: got != "")
    checks.append(check(names, bool(answer), f"{SERVICE} is {answer}" if answer else "no answer"))
    return checks


def attempt(question: Callable[[], str], good: Callable[[str], bool]) -> str:
    """The first good answer, or the last one within ATTEMPTS_SECONDS."""
    until = time.monotonic() + ATTEMPTS_SECONDS
    while True:
        answer = question()
        if good(answer) or time.monotonic() > until:
            return answer
        time.sleep(0.1)


def ask(server: str, name: str, kind: int) -> str:
    """The text or address of the DNS server's first answer; empty if there is none.

    Args:
        server: address of the DNS server.
        name: the name that is resolved.
        kind: type of the record, TXT or A.
    """
    number = secrets.randbelow(65536)
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    question = labels + b"\0" + struct.pack(">HH", kind, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talk:
        talk.settimeout(ANSWER_SECONDS)
        try:
            talk.sendto(struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + question, (server, PORT))
            data = talk.recv(1500)
        except OSError:
            return ""
    if len(data) < 12 or struct.unpack(">H", data[:2])[0] != number:
        return ""
    if struct.unpack(">H", data[6:8])[0] == 0:
        return ""
    at = 12 + len(question)
    while data[at] and data[at] < 0xC0:  # the answer's name, or a pointer to it
        at += data[at] + 1
    at += 2 if data[at] >= 0xC0 else 1
    length = struct.unpack(">H", data[at + 8 : at + 10])[0]
    value = data[at + 10 : at + 10 + length]
    return value[1 : 1 + value[0]].decode() if kind == TXT else ".".join(map(str, value))


def main() -> None:
    cluster, wanted = Cluster(sys.argv[1]), json.load(sys.stdin)
    checks = [*node_checks(cluster, wanted), names_check(cluster)]
    workers = sorted(name for name, role in wanted["nodes"].items() if role == "worker")
    if workers and all(item["ok"] for item in checks):
        checks += pod_checks(cluster, workers)
    json.dump(checks, sys.stdout)


if __name__ == "__main__":
    main()
