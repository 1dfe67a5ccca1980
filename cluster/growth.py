"""Decides whether a spec adds etcd members or control planes, and which such changes are refused.

They become more and never fewer. docs/decisions/0058-growing-members.md says why.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from cluster.faults import Fault
from cluster.model import UnreadableDocumentError
from cluster.record import ClusterRecord
from cluster.replacement import is_due
from cluster.spec import ClusterSpec
from cluster.stored_spec import stored_spec

# By the field's path: what a member of the tier is called, and why it cannot be removed.
TIERS: dict[str, tuple[str, str]] = {
    "etcd.count": ("etcd members", "a member that leaves takes its vote and its copy of the data"),
    "controlPlane.count": (
        "control planes",
        "the nodes and the load balancer may use the one that leaves",
    ),
}


class _Count(NamedTuple):
    path: str
    before: int
    now: int


def growth_faults(record: ClusterRecord, wanted: ClusterSpec) -> list[Fault]:
    """Returns a fault for each tier that would have fewer members, and for one that would have
    more while nodes have to be replaced: one thing at a time changes who the members are."""
    counts = list(_counts(record.built, wanted))
    faults = [_smaller(one) for one in counts if one.now < one.before]
    if is_due(record, wanted):
        faults += [
            Fault(
                path=one.path,
                message="cannot become larger while nodes are replaced",
                allowed=f"{one.before} until the replacement has succeeded, then {one.now}; or "
                f"{one.now} first, with the machines as they were built",
            )
            for one in counts
            if one.now > one.before
        ]
    return faults


def named_replacement_faults(record: ClusterRecord, wanted: ClusterSpec) -> list[Fault]:
    """Returns a fault if a node is replaced by name before the members that the spec adds have
    joined."""
    return [
        Fault(
            path=one.path,
            message=f"the {TIERS[one.path][0]} that the spec adds have not all joined",
            allowed="send the spec again, which goes on with it; then name the node again",
        )
        for one in _counts(record.built, wanted)
        if one.now > one.before
    ]


def etcd_before(record: ClusterRecord, wanted: ClusterSpec) -> int:
    """Returns how many etcd members the cluster was built with, or 0 if it was not built."""
    found = (one.before for one in _counts(record.built, wanted) if one.path == "etcd.count")
    return next(found, 0)


def implicit_growth_faults(
    built: dict[str, Any] | None, wanted: ClusterSpec, sent: Mapping[str, Any]
) -> list[Fault]:
    """Returns a fault for each tier that only a default would make larger.

    Args:
        built: the spec that the machines were made from.
        sent: the document as it was sent.
    """

    def given(path: str) -> bool:
        part: Any = sent.get(path.partition(".")[0])
        return isinstance(part, dict) and "count" in cast(dict[str, Any], part)

    return [
        Fault(
            path=one.path,
            message=f"is left out, and its default, {one.now}, would add {TIERS[one.path][0]} to "
            f"the {one.before} of the cluster",
            allowed=f"write it out: {one.before}, or {one.now}",
        )
        for one in _counts(built, wanted)
        if one.now > one.before and not given(one.path)
    ]


def _counts(built: dict[str, Any] | None, wanted: ClusterSpec) -> Iterator[_Count]:
    """Yields how many members each tier was built with, and how many it shall have."""
    try:
        before = stored_spec(built) if built else None
    except UnreadableDocumentError:
        return  # `change_faults` says why
    if before is not None:
        yield _Count("etcd.count", before.etcd.count, wanted.etcd.count)
        old, now = before.control_plane.count, wanted.control_plane.count
        yield _Count("controlPlane.count", old, now)


def _smaller(count: _Count) -> Fault:
    members, why = TIERS[count.path]
    return Fault(
        path=count.path,
        message=f"the cluster has {count.before} {members}, and they cannot become fewer: {why}",
        allowed=" or ".join(str(n) for n in (1, 3, 5) if n >= count.before),
    )
