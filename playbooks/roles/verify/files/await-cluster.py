"""Waits until every node is ready and the cluster's names are served.

Usage: await-cluster.py KUBECONFIG SECONDS NODE...

Each of the two waits takes SECONDS at most. It ends early if it cannot succeed: if for a while no
node has room for a pod, because of taints that the pod does not tolerate. If a wait fails, prints
JSON: `cause`, which names pods with their reasons and nodes with their conditions and taints, and
`silent`, the nodes that are not ready. The exit code is then 1.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable

PAUSE_SECONDS, STEADY_SECONDS = 2.0, 45.0
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
MANAGED = "slipway.dev/managed"
# What Kubernetes itself puts on a node for the time until it works.
PASSING = {
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/network-unavailable",
}
# Reasons of a container that no retry changes.
HOPELESS = {"ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError"}
TROUBLES = ("DiskPressure", "MemoryPressure", "PIDPressure", "NetworkUnavailable")
NAMES = ["--namespace=kube-system", "--selector=k8s-app=kube-dns"]
NODES_TOLD, PODS_TOLD, TEXT_CHARACTERS = 5, 2, 160


class WaitError(Exception):
    """A wait failed.

    Attributes:
        cause: what people read.
        silent: names of nodes that are not ready.
    """

    def __init__(self, cause: str, silent: list[str]) -> None:
        super().__init__(cause)
        self.cause, self.silent = cause, silent


def kubectl(config: str, *arguments: str) -> dict:
    """The answer, or an empty list while the API server does not answer."""
    command = ["kubectl", f"--kubeconfig={config}", "--request-timeout=10s", "get", "--output=json"]
    done = subprocess.run([*command, *arguments], check=False, capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else {"items": []}


def conditions(thing: dict) -> dict[str, dict]:
    return {item["type"]: item for item in thing.get("status", {}).get("conditions", [])}


def is_ready(node: dict) -> bool:
    return conditions(node).get("Ready", {}).get("status") == "True"


def taints(node: dict) -> list[dict]:
    return node.get("spec", {}).get("taints", [])


def unasked(node: dict) -> list[dict]:
    """Taints that neither Slipway nor the state of a node that begins explains."""
    noted = node["metadata"].get("annotations", {}).get(MANAGED, "{}")
    managed = {tuple(pair) for pair in json.loads(noted).get("taints", [])}
    return [
        taint
        for taint in taints(node)
        if (taint["key"], taint["effect"]) not in managed
        and taint["key"] not in PASSING | {CONTROL_PLANE}
    ]


def short(text: str) -> str:
    return text if len(text) <= TEXT_CHARACTERS else f"{text[:TEXT_CHARACTERS]}…"


def node_trouble(node: dict | None) -> str:
    """What is wrong with a node; empty if nothing is."""
    if node is None:
        return "unknown to the API server"
    found = conditions(node)
    ready = found.get("Ready", {})
    parts = [] if is_ready(node) else [f"not Ready ({short(ready.get('message', 'no report'))})"]
    parts += [name for name in TROUBLES if found.get(name, {}).get("status") == "True"]
    parts += [f"taint {taint['key']}:{taint['effect']}" for taint in unasked(node)]
    return ", ".join(parts)


def pod_trouble(pod: dict) -> str:
    """Why a pod does not serve; empty if it does."""
    found, status = conditions(pod), pod.get("status", {})
    if found.get("Ready", {}).get("status") == "True":
        return ""
    reasons = [
        f"{state['waiting'].get('reason', 'waiting')}: {state['waiting'].get('message', '')}"
        for state in (item.get("state", {}) for item in status.get("containerStatuses", []))
        if "waiting" in state
    ]
    scheduled = found.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        reasons.append(f"{scheduled.get('reason', '')}: {scheduled.get('message', '')}")
    if status.get("reason"):
        reasons.append(f"{status['reason']}: {status.get('message', '')}")
    return short("; ".join([status.get("phase", "Unknown"), *reasons]))


def tolerates(pod: dict, taint: dict) -> bool:
    return any(
        item.get("effect") in (None, "", taint["effect"])
        and (
            (item.get("operator") == "Exists" and item.get("key") in (None, "", taint["key"]))
            or (
                item.get("operator", "Equal") == "Equal"
                and item.get("key") == taint["key"]
                and item.get("value", "") == taint.get("value", "")
            )
        )
        for item in pod.get("spec", {}).get("tolerations", [])
    )


def is_closed(pod: dict, node: dict) -> bool:
    """Whether a taint that stays keeps the pod from the node."""
    return any(
        taint["effect"] in ("NoSchedule", "NoExecute") and not tolerates(pod, taint)
        for taint in taints(node)
        if taint["key"] not in PASSING
    )


def is_hopeless(pods: list[dict], nodes: list[dict]) -> bool:
    """Whether no pod can become ready while things stay as they are."""
    waiting = [pod for pod in pods if pod_trouble(pod)]
    return bool(waiting and nodes) and all(
        any(f"{reason}:" in pod_trouble(pod) for reason in HOPELESS)
        or (not pod.get("spec", {}).get("nodeName") and all(is_closed(pod, node) for node in nodes))
        for pod in waiting
    )


def listed(names: list[str]) -> str:
    more = len(names) - NODES_TOLD
    return ", ".join(names[:NODES_TOLD]) + (f" and {more} more" if more > 0 else "")


def told(nodes: dict[str, dict | None], pods: list[dict]) -> str:
    """Nodes and pods with their troubles. Nodes with the same trouble are named together."""
    groups: dict[str, list[str]] = {}
    for name, node in nodes.items():
        if trouble := node_trouble(node):
            groups.setdefault(trouble, []).append(name)
    parts = [f"{listed(names)}: {trouble}" for trouble, names in groups.items()]
    waiting = [(pod["metadata"]["name"], pod_trouble(pod)) for pod in pods]
    parts += [f"pod {name}: {trouble}" for name, trouble in waiting if trouble][:PODS_TOLD]
    return "; ".join(parts)


class Cluster:
    def __init__(self, get: Callable[..., dict], names: list[str], seconds: float) -> None:
        self._get, self._names, self._seconds = get, names, seconds

    def nodes(self) -> dict[str, dict | None]:
        found = {node["metadata"]["name"]: node for node in self._get("nodes")["items"]}
        return {name: found.get(name) for name in self._names}

    def await_nodes(self) -> None:
        until = time.monotonic() + self._seconds
        while True:
            nodes = self.nodes()
            silent = [name for name, node in nodes.items() if node is None or not is_ready(node)]
            if not silent:
                return
            if time.monotonic() > until:
                count = f"{len(silent)} of {len(nodes)} nodes"
                text = f"{count} are not ready after {self._seconds:.0f} s: {told(nodes, [])}"
                raise WaitError(text, silent)
            time.sleep(PAUSE_SECONDS)

    def await_names(self) -> None:
        began, hopeless_since = time.monotonic(), None
        while True:
            deployment = self._get("--namespace=kube-system", "deployment", "coredns")
            status = deployment.get("status", {})
            available = status.get("availableReplicas", 0)
            if available == deployment.get("spec", {}).get("replicas") and available > 0:
                return
            nodes, pods = self.nodes(), self._get("pods", *NAMES)["items"]
            now = time.monotonic()
            hopeless = is_hopeless(pods, [node for node in nodes.values() if node])
            hopeless_since = (hopeless_since or now) if hopeless else None
            stuck = hopeless_since is not None and now - hopeless_since >= STEADY_SECONDS
            if stuck or now - began > self._seconds:
                end = "and nothing can change that" if stuck else "in time"
                text = f"CoreDNS has {available} pods available after {now - began:.0f} s, {end}: "
                raise WaitError(text + (told(nodes, pods) or "no pod was made"), [])
            time.sleep(PAUSE_SECONDS)


def main() -> None:
    config, seconds, *names = sys.argv[1:]
    cluster = Cluster(lambda *arguments: kubectl(config, *arguments), names, float(seconds))
    try:
        cluster.await_nodes()
        cluster.await_names()
    except WaitError as error:
        json.dump({"cause": error.cause, "silent": error.silent}, sys.stdout)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
