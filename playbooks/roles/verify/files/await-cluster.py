"""Waits until every node is ready and the cluster's names are served.

Usage: await-cluster.py KUBECONFIG SECONDS NODE...

Each of the two waits takes SECONDS at most. It ends early if it cannot succeed: if for a while no
node has room for a pod, because of taints that the pod does not tolerate, or if for a while a node
or most members of etcd do not answer this machine. If a wait fails, prints JSON:
`cause`, which names pods with their reasons, nodes with their conditions and taints, what /readyz
says and etcd's health; and `silent`, the nodes that are not ready and can be asked why. The exit
code is then 1.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable

from cluster_network import Network, View
from cluster_troubles import address, is_hopeless, is_ready, told

PAUSE_SECONDS, STEADY_SECONDS = 2.0, 45.0
# Whoever waits is told within a minute: a look at a cut network takes up to 18 seconds.
CUT_SECONDS = 30.0
# Asked by path: kubectl asks for the kinds of all groups first otherwise, again and again if the
# API server does not answer.
PATHS = {
    "nodes": "/api/v1/nodes",
    "pods": "/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns",
    "coredns": "/apis/apps/v1/namespaces/kube-system/deployments/coredns",
}


class WaitError(Exception):
    """A wait failed.

    Attributes:
        cause: what people read.
        silent: names of nodes that are not ready, and that can be asked why.
    """

    def __init__(self, cause: str, silent: list[str]) -> None:
        super().__init__(cause)
        self.cause, self.silent = cause, silent


def kubectl(config: str, what: str) -> dict:
    """The answer; nothing if the API server does not answer."""
    command = ["kubectl", f"--kubeconfig={config}", "--request-timeout=4s", "get"]
    done = subprocess.run(
        [*command, f"--raw={PATHS[what]}"], check=False, capture_output=True, text=True
    )
    return json.loads(done.stdout) if done.returncode == 0 else {}


class Cluster:
    """`get` asks the API server for one of PATHS. `names`: of the nodes that must be ready."""

    def __init__(
        self, get: Callable[[str], dict], network: Network, names: list[str], seconds: float
    ) -> None:
        self._get, self._network, self._names, self._seconds = get, network, names, seconds
        self._nodes: dict[str, dict | None] = dict.fromkeys(names)
        self._pods: list[dict] = []
        self._view = View("", [], {})
        self._fault_since: float | None = None

    def await_nodes(self) -> None:
        began = time.monotonic()
        while True:
            found = self._ask()
            waiting = [n for n, node in self._nodes.items() if node is None or not is_ready(node)]
            if found and not waiting:
                return
            self._look()
            if time.monotonic() - began > self._seconds:
                count = f"{len(waiting)} of {len(self._nodes)} nodes"
                text = f"{count} are not ready after {self._seconds:.0f} s"
                silent = [name for name in waiting if name not in self._view.silent]
                raise WaitError(f"{text}: {self._told()}", silent)
            time.sleep(PAUSE_SECONDS)

    def await_names(self) -> None:
        began, hopeless_since = time.monotonic(), None
        while True:
            deployment = self._get("coredns")
            available = deployment.get("status", {}).get("availableReplicas", 0)
            if available == deployment.get("spec", {}).get("replicas") and available > 0:
                return
            self._ask()
            self._look()
            now = time.monotonic()
            hopeless = is_hopeless(self._pods, [node for node in self._nodes.values() if node])
            hopeless_since = (hopeless_since or now) if hopeless else None
            stuck = hopeless_since is not None and now - hopeless_since >= STEADY_SECONDS
            if stuck or now - began > self._seconds:
                end = "and nothing can change that" if stuck else "in time"
                text = f"CoreDNS has {available} pods available after {now - began:.0f} s, {end}"
                made = "" if self._pods else "no pod was made; "
                raise WaitError(f"{text}: {made}{self._told()}", [])
            time.sleep(PAUSE_SECONDS)

    def _ask(self) -> bool:
        """Asks for nodes and pods; the last answers stay while the API server does not answer.
        Returns whether it did."""
        answer = self._get("nodes")
        if answer:
            found = {node["metadata"]["name"]: node for node in answer["items"]}
            self._nodes = {name: found.get(name) for name in self._names}
            self._pods = self._get("pods").get("items", self._pods)
        return bool(answer)

    def _look(self) -> None:
        """Raises WaitError if for a while machines have not answered, or etcd has not worked."""
        known = {name: address(node) for name, node in self._nodes.items() if node}
        self._view = self._network.look({name: place for name, place in known.items() if place})
        fault, now = self._view.fault(), time.monotonic()
        self._fault_since = (self._fault_since or now) if fault else None
        if self._fault_since is not None and now - self._fault_since >= CUT_SECONDS:
            raise WaitError(f"{fault}; {self._told()}", [])

    def _told(self) -> str:
        parts = [told(self._nodes, self._pods), self._view.described()]
        return "; ".join(part for part in parts if part)


def main() -> None:
    config, seconds, *names = sys.argv[1:]
    cluster = Cluster(lambda what: kubectl(config, what), Network(config), names, float(seconds))
    try:
        cluster.await_nodes()
        cluster.await_names()
    except WaitError as error:
        json.dump({"cause": error.cause, "silent": error.silent}, sys.stdout)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
