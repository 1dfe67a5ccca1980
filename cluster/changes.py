"""Decides which fields may change on a cluster whose machines exist.

Every other change is refused with its path until it is supported. The table in the docs is made
from `CHANGEABLE`.
"""

from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any, cast

from cluster.faults import Fault
from cluster.model import UnreadableDocumentError
from cluster.record import ClusterRecord
from cluster.spec import ClusterSpec
from cluster.stored_spec import stored_spec

CHANGEABLE: dict[str, str] = {
    "workers[].count": "larger: nodes are added; smaller: nodes are drained and removed, failed "
    "ones first, then those with the highest numbers; the others are left alone",
    "workers[].securityRules": "the pool's security group is put again",
    "workers": "a new pool may be added at the end; the nodes of a pool that is left out are "
    "drained and removed",
    "workers[].maxSurge": "from the next replacement on",
    "workers[].maxUnavailable": "from the next replacement on",
    "workers[].vmSize": "the pool's nodes are replaced, `maxSurge` and `maxUnavailable` at once",
    "workers[].osDiskGiB": "the pool's nodes are replaced, `maxSurge` and `maxUnavailable` at once",
    "etcd.count": "larger (1, 3, 5): the new members join one by one, and existing ones keep their "
    "data; smaller: refused",
    "controlPlane.count": "larger (1, 3, 5): the new control planes join one by one; smaller: "
    "refused",
    "controlPlane.vmSize": "the control planes are replaced one by one; there must be 3 or 5",
    "etcd.vmSize": "the members are replaced one by one; there must be 3 or 5",
    "etcd.dataDiskGiB": "larger: the members are replaced one by one; there must be 3 or 5; "
    "smaller: refused",
    "image": "every node is replaced, except the controller; of etcd and of control planes there "
    "must be 3 or 5",
    "kubernetes.version": "a later patch release or the next minor; the operation upgrades the "
    "nodes one by one",
    "drain": "from the next operation on",
    "backups": "after the next backup",
    "maintenance": "from the next time at which the cluster is due",
    "controller.keep": "from the next operation on",
    "network.allowedSources": "the controller's security group is put again",
    "controlPlane.publicApi.allowedSources": "the control plane's security group is put again",
    "controlPlane.securityRules": "the control plane's security group is put again",
    "etcd.securityRules": "etcd's security group is put again",
    "addOns": "an add-on that is on is installed by the next play, one that is off is removed",
    "tags": "on what is deployed again: network and new machines",
    "slack": "from the next operation on",
    "artifacts": "used by the next play",
    "proxy": "used by the next play and by new machines; containerd and kubelet are restarted",
    "packageMirror": "used by new machines; those that exist keep the mirror of their first boot",
    "registries": "used by the next play; containerd reads them without a restart",
    "trustedCertificates": "put into the machines' stores by the next play, or taken out of them; "
    "containerd is restarted",
    "playbook.through": "a later stage; finished stages change nothing",
}
# `cluster/growth.py` decides on the counts, `cluster/upgrades.py` on the version.
VERSION = "kubernetes.version"
FREE = frozenset(path for path in CHANGEABLE if not path.startswith("workers"))
# Fields whose change replaces etcd's members or control planes.
OF_MEMBERS: dict[str, tuple[str, ...]] = {
    "etcd.vmSize": ("etcd",),
    "etcd.dataDiskGiB": ("etcd",),
    "controlPlane.vmSize": ("controlPlane",),
    "image.version": ("etcd", "controlPlane"),
}


def change_faults(built: dict[str, Any] | None, wanted: ClusterSpec) -> list[Fault]:
    """Returns the faults of changing a built cluster into the wanted one; none if nothing was
    built.

    Fields of `built` that this version does not know are not compared, because it cannot change
    them.
    """
    if built is None:
        return []
    try:
        old = stored_spec(built)
    except UnreadableDocumentError as error:
        return [
            Fault(
                path="",
                message=f"the spec that the cluster was built from {error}",
                allowed="DELETE, or the version of Slipway that wrote the record",
            )
        ]
    before, after = old.document(), wanted.document()
    faults = list(_differences(before, after, ""))
    faults += _pool_faults(old, wanted) + _disk_faults(old, wanted)
    return faults + _lonely_faults(before, after)


def kept_subnet_faults(record: ClusterRecord, wanted: ClusterSpec) -> list[Fault]:
    """Returns a fault for each pool whose own subnet overlaps that of a pool that was left out.

    Such a subnet stays in the network, and Azure refuses two that overlap.
    """
    if record.built is None:
        return []
    named = {pool.name for pool in wanted.workers}
    given = {
        index: pool.subnet
        for index, pool in enumerate(wanted.workers)
        if pool.subnet and pool.name not in record.subnets
    }
    kept = {name: IPv4Network(cidr) for name, cidr in record.subnets.items() if name not in named}
    return [
        Fault(
            path=f"workers[{index}].subnet",
            message=f"{subnet} overlaps {cidr}, the subnet of the earlier pool '{name}'",
            allowed="another range; that subnet stays in the network until the cluster is removed",
        )
        for index, subnet in given.items()
        for name, cidr in kept.items()
        if cidr.overlaps(IPv4Network(subnet))
    ]


def implicit_removal_faults(
    built: dict[str, Any] | None, wanted: ClusterSpec, sent: Mapping[str, Any]
) -> list[Fault]:
    """Returns a fault for each pool that only a default would make smaller or remove.

    Nodes are removed by what a document says, never by what it leaves out: one without `workers`
    has a pool of two by default.

    Args:
        built: the spec that the machines were made from.
        sent: the document as it was sent.
    """
    try:
        old = stored_spec(built) if built else None
    except UnreadableDocumentError:
        return []  # `change_faults` says why
    if old is None:
        return []
    given: Any = sent.get("workers")
    pools = cast(list[dict[str, Any]], given) if isinstance(given, list) else []
    counted = {pool.get("name") for pool in pools if "count" in pool}
    faults: list[Fault] = []
    for pool in old.workers:
        index = next((i for i, one in enumerate(wanted.workers) if one.name == pool.name), None)
        now = wanted.workers[index].count if index is not None else 0
        if now >= pool.count or pool.name in counted or (index is None and given is not None):
            continue
        faults.append(
            Fault(
                path="workers" if given is None else f"workers[{index}].count",
                message=f"is left out, and its default would remove {pool.count - now} nodes of "
                f"pool '{pool.name}'",
                allowed="write it out: the pools that stay, each with its count",
            )
        )
    return faults


def _differences(before: dict[str, Any], after: dict[str, Any], path: str) -> list[Fault]:
    faults: list[Fault] = []
    for key, value in after.items():
        where = f"{path}{key}"
        if where in FREE or where in ("workers", VERSION) or before.get(key) == value:
            continue
        if where == "resourceGroup" and (before.get(key) or f"{before['name']}-rg") == (
            value or f"{after['name']}-rg"
        ):
            continue
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            inner = cast(dict[str, Any], old), cast(dict[str, Any], value)
            faults += _differences(*inner, f"{where}.")
        else:
            faults.append(_fixed(where, old))
    return faults


def _pool_faults(old: ClusterSpec, wanted: ClusterSpec) -> list[Fault]:
    faults: list[Fault] = []
    for index, pool in enumerate(old.workers):
        path = f"workers[{index}]"
        now = next((p for p in wanted.workers if p.name == pool.name), None)
        if now is None:
            continue
        kept = {
            "count": pool.count,
            "subnet": pool.subnet,
            "security_rules": pool.security_rules,
            "vm_size": pool.vm_size,
            "os_disk_gib": pool.os_disk_gib,
            "max_surge": pool.max_surge,
            "max_unavailable": pool.max_unavailable,
        }
        same = now.model_copy(update=kept)
        if now.subnet not in (None, pool.subnet) or same != pool:
            faults.append(_fixed(path, f"pool '{pool.name}' as it was built"))
    return faults


def _disk_faults(old: ClusterSpec, wanted: ClusterSpec) -> list[Fault]:
    before, now = old.etcd.data_disk_gib, wanted.etcd.data_disk_gib
    if now >= before:
        return []
    return [
        Fault(
            path="etcd.dataDiskGiB",
            message=f"cannot become smaller than the {before} GiB that the members have: etcd's "
            "data may not fit",
            allowed=f"{before}, or more",
        )
    ]


def _lonely_faults(before: dict[str, Any], after: dict[str, Any]) -> list[Fault]:
    """Returns a fault for each field whose change would replace the only member of a tier."""
    faults: list[Fault] = []
    for path, tiers in OF_MEMBERS.items():
        part, field = path.split(".")
        lonely = [tier for tier in tiers if after[tier]["count"] == 1]
        if lonely and before[part][field] != after[part][field]:
            text = f"would replace the only member of {' and of '.join(lonely)}, and nothing would "
            text += "keep the cluster's state or serve its API meanwhile"
            faults.append(Fault(path=path, message=text, allowed=f"{before[part][field]}"))
    return faults


def _fixed(path: str, value: object) -> Fault:
    allowed = "leave it out, as when the cluster was built" if value is None else f"{value}"
    return Fault(path=path, message="cannot be changed on a living cluster", allowed=allowed)
