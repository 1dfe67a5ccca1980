"""Keeps in the record which version of the kubelet each node was last seen with, for people.

No step depends on it: an upgrade reads the versions from the nodes.
"""

import re
from collections.abc import Iterable, Mapping

from activities.kubernetes_state import KubernetesState
from clients.services import services
from cluster.contracts import Check, RunRef
from cluster.health import NODE

# In the detail of a node's check, behind what the kubelet says of itself
# (playbooks/roles/verify/files/probe.py).
VERSION = re.compile(r"\bv(\d+\.\d+\.\d+[\w.+-]*)")


def keep_versions(ref: RunRef, versions: Mapping[str, str]) -> None:
    """Adds versions to those of the cluster's nodes.

    Raises:
        Transient: the record was changed since it was read.
    """
    if not versions:
        return
    store = services().store
    record, etag = store.need_record(ref.cluster)
    known = {**record.kubelets, **versions}
    kept = {slot.name: known[slot.name] for slot in record.slots if slot.name in known}
    if kept != record.kubelets:
        store.update_record(record.model_copy(update={"kubelets": kept}), etag)


def versions_in(state: KubernetesState) -> dict[str, str]:
    """Returns the versions that an API server reports."""
    return {name: node["kubelet"].removeprefix("v") for name, node in state["nodes"].items()}


def versions_of(checks: Iterable[Check]) -> dict[str, str]:
    """Returns the versions that a verification has found."""
    named = {one.name.removeprefix(NODE): one for one in checks if one.name.startswith(NODE)}
    found = {name: VERSION.findall(check.detail) for name, check in named.items()}
    return {name: versions[-1] for name, versions in found.items() if versions}
