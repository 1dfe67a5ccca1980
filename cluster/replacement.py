"""Decides whether a run has to replace nodes, and which ones."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any, cast

from cluster.addresses import capacity
from cluster.faults import Fault
from cluster.machine_forms import MachineForm, changed_forms, machine_forms
from cluster.model import UnreadableDocumentError
from cluster.presentable import counted
from cluster.record import ClusterRecord, PlannedNode
from cluster.roles import ETCD
from cluster.spec import ClusterSpec
from cluster.spec_machines import AVAILABILITY_SET_VMS
from cluster.stored_spec import stored_spec


def is_due(record: ClusterRecord, wanted: ClusterSpec) -> bool:
    """Returns whether a run has to replace nodes to make the cluster match the spec.

    An etcd member that has left etcd is of no use any more. A replacement that did not succeed may
    have left machines of two forms, whatever the spec says by now.
    """
    begun = any(slot.leaving and slot.role == ETCD for slot in record.slots)
    return begun or record.replacing or is_asked(record, wanted)


def is_asked(record: ClusterRecord, wanted: ClusterSpec) -> bool:
    """Returns whether the spec makes machines of another form than those that were built."""
    if record.built is None:
        return False
    try:
        before = stored_spec(record.built)
    except UnreadableDocumentError:
        return False  # `change_faults` refuses the change
    return any(changed_forms(before, wanted))


def outdated(
    wanted: ClusterSpec, record: ClusterRecord, machines: Mapping[str, MachineForm]
) -> set[str]:
    """Returns the nodes whose machines exist and are made as others than the spec says."""
    forms = machine_forms(wanted)

    def differs(slot: PlannedNode) -> bool:
        form = forms.get(slot.pool)
        there = machines.get(slot.name)
        return form is not None and there is not None and there.differs(form)

    return {slot.name for slot in record.slots if differs(slot)}


def surge_faults(record: ClusterRecord, wanted: ClusterSpec) -> list[Fault]:
    """Returns a fault for each pool that is replaced and has no room for the workers that
    `maxSurge` adds meanwhile."""
    try:
        before = stored_spec(record.built) if record.built else None
    except UnreadableDocumentError:
        return []  # `change_faults` says why
    if before is None:
        return []
    faults: list[Fault] = []
    replaced = set(changed_forms(before, wanted))
    for index, pool in enumerate(wanted.workers):
        if pool.name not in replaced:
            continue
        have = sum(slot.pool == pool.name for slot in record.slots)
        most = pool.count + min(have, pool.count, pool.max_surge)
        room, where = _room(record, wanted, pool.name)
        if pool.count <= room < most:
            faults.append(
                Fault(
                    path=f"workers[{index}].maxSurge",
                    message=f"would make the pool {counted(most, 'node')} while its nodes are "
                    f"replaced, and {where} has room for {room}",
                    allowed=f"at most {room - pool.count}; with 0, maxUnavailable of 1 or more",
                )
            )
    return faults


def _room(record: ClusterRecord, wanted: ClusterSpec, pool: str) -> tuple[int, str]:
    """Returns how many machines the pool can have, and what sets that limit."""
    limits = [(sys.maxsize, "")]
    if subnet := record.subnets.get(pool):
        limits.append((capacity(subnet), f"its subnet {subnet}"))
    if not wanted.zones:
        limits.append((AVAILABILITY_SET_VMS, "its availability set"))
    return min(limits)


def implicit_replacement_faults(
    built: dict[str, Any] | None, wanted: ClusterSpec, sent: Mapping[str, Any]
) -> list[Fault]:
    """Returns a fault for each field whose default would replace nodes.

    Nodes are replaced by what a document says, never by what it leaves out: a default may be
    another one in a newer version.

    Args:
        built: the spec that the machines were made from.
        sent: the document as it was sent.
    """
    try:
        before = stored_spec(built) if built else None
    except UnreadableDocumentError:
        return []  # `change_faults` says why
    if before is None:
        return []
    return [
        Fault(
            path=path,
            message=f"is left out, and its default, {now}, would replace nodes that have {old}",
            allowed=f"write it out: {old}, or another value",
        )
        for path, old, now, given in _decisive(before, wanted, sent)
        if old != now and not given
    ]


def _decisive(
    before: ClusterSpec, wanted: ClusterSpec, sent: Mapping[str, Any]
) -> Iterator[tuple[str, object, object, bool]]:
    """Yields the fields that decide how machines are made: path, value as built, value now, and
    whether the document has it."""

    def given(part: Any, field: str) -> bool:
        return isinstance(part, dict) and field in part

    image, etcd, plane = (sent.get(name) for name in ("image", "etcd", "controlPlane"))
    has = given(image, "version")
    yield "image.version", before.image.version, wanted.image.version, has
    yield "etcd.vmSize", before.etcd.vm_size, wanted.etcd.vm_size, given(etcd, "vmSize")
    old, now = before.etcd.data_disk_gib, wanted.etcd.data_disk_gib
    yield "etcd.dataDiskGiB", old, now, given(etcd, "dataDiskGiB")
    old, now = before.control_plane.vm_size, wanted.control_plane.vm_size
    yield "controlPlane.vmSize", old, now, given(plane, "vmSize")
    named: Any = sent.get("workers")
    pools = cast(list[Any], named) if isinstance(named, list) else []
    earlier = {pool.name: pool for pool in before.workers}
    for index, pool in enumerate(wanted.workers):
        if was := earlier.get(pool.name):
            part = pools[index] if index < len(pools) else None
            path = f"workers[{index}]"
            yield f"{path}.vmSize", was.vm_size, pool.vm_size, given(part, "vmSize")
            yield f"{path}.osDiskGiB", was.os_disk_gib, pool.os_disk_gib, given(part, "osDiskGiB")
