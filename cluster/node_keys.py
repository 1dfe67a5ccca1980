"""Keys of labels and taints that Kubernetes or Slipway sets on a node itself.

The kubelet and the node controller write theirs again, so a pool's value for one of them would
never stay, and a role's label would make a worker look like a control plane.
Source: Kubernetes' page on well-known labels, annotations and taints.
"""

from collections.abc import Iterator

from cluster.faults import Fault
from cluster.spec_machines import WorkerPool

SLIPWAY = "slipway.dev/"
ROLES = frozenset({"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"})
LABELS = ROLES | {
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/os",
}
TAINTS = ROLES | {
    "node.cloudprovider.kubernetes.io/shutdown",
    "node.cloudprovider.kubernetes.io/uninitialized",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/network-unavailable",
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/out-of-service",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/unschedulable",
}


def node_key_faults(path: str, pool: WorkerPool) -> Iterator[Fault]:
    """Yields the labels and taints of a pool that are not the caller's to set.

    Args:
        path: the pool's path in the spec.
    """
    for key in pool.labels:
        if key in LABELS or key.startswith(SLIPWAY):
            yield _fault(f"{path}.labels.{key}", "label")
    for index, taint in enumerate(pool.taints):
        if taint.key in TAINTS or taint.key.startswith(SLIPWAY):
            yield _fault(f"{path}.taints[{index}].key", "taint")


def _fault(path: str, kind: str) -> Fault:
    return Fault(
        path=path,
        message=f"is a {kind} that Kubernetes or Slipway sets itself",
        allowed="a key of your own, such as example.com/team",
    )
