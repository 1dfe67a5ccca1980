"""Decides whether a spec upgrades the Kubernetes of a cluster, and which upgrades are refused.

docs/decisions/0054-upgrades.md says why. What only the machines know (health, the patch release
that runs) is examined by the run itself.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from cluster.faults import Fault
from cluster.model import UnreadableDocumentError
from cluster.plan import Plan
from cluster.record import ClusterRecord, PlannedNode
from cluster.roles import CONTROL_PLANE
from cluster.spec import ClusterSpec
from cluster.stages import LAST_STAGES
from cluster.stored_spec import stored_spec

PATH = "kubernetes.version"
NAMES_TOLD = 5


class Release(NamedTuple):
    """A version of Kubernetes. `patch` is None if only the minor is named."""

    major: int
    minor: int
    patch: int | None = None


def release_of(text: str) -> Release | None:
    """Returns the release that a text names, with or without `v`, or None if it names none. What
    follows the patch is not part of it."""
    parts = text.removeprefix("v").partition("+")[0].partition("-")[0].split(".")
    if len(parts) not in (2, 3) or not all(part.isdecimal() for part in parts):
        return None
    return Release(*map(int, parts))


def has_kubernetes(record: ClusterRecord) -> bool:
    """Returns whether Kubernetes may have been installed on the cluster's machines."""
    built = _built(record)
    return built is not None and (record.access is not None or "control-plane" in built.stages)


def is_upgrade(record: ClusterRecord, wanted: ClusterSpec) -> bool:
    """Returns whether a run of the spec upgrades the cluster, or goes on with an upgrade."""
    built = _built(record)
    if built is None or not has_kubernetes(record):
        return False
    return bool(record.upgrading) or not _is_met(built.kubernetes.version, wanted)


def upgrade_faults(record: ClusterRecord, wanted: ClusterSpec) -> list[Fault]:
    """Returns the faults of the wanted version, and of other changes beside an upgrade."""
    built = _built(record)
    if built is None or not is_upgrade(record, wanted):
        return []
    faults = list(_version_faults(record, built.kubernetes.version, wanted.kubernetes.version))
    return faults or [
        *_leaving(record),
        *_other_changes(built, wanted),
        *_early_ends(wanted),
    ]


def upgrade_order(plan: Plan, role: str) -> list[PlannedNode]:
    """Returns the nodes of a role in the order of their upgrade: control planes by name, because
    the first one upgrades the cluster's objects too, workers by pool."""
    wanted = [slot for slot in plan.nodes if slot.role == role]
    return sorted(wanted, key=lambda slot: slot.name) if role == CONTROL_PLANE else wanted


def named_node_faults(record: ClusterRecord, wanted: ClusterSpec) -> list[Fault]:
    """Returns a fault if a node is removed or replaced by name before an upgrade has ended."""
    if not is_upgrade(record, wanted):
        return []
    return [
        Fault(
            path=PATH,
            message=f"the upgrade to {wanted.kubernetes.version} has not ended",
            allowed="send the spec again, which goes on with it; then name the node again",
        )
    ]


def tag_faults(record: ClusterRecord, wanted: ClusterSpec) -> list[Fault]:
    """Returns a fault if a group's tag would upgrade the cluster: its spec is a profile's, which
    changes with Slipway's defaults."""
    if not is_upgrade(record, wanted):
        return []
    return [
        Fault(
            path=PATH,
            message="a tag does not upgrade a cluster",
            allowed=f"{built_version(record)}; send the spec with the later version instead",
        )
    ]


def implicit_upgrade_faults(
    record: ClusterRecord, wanted: ClusterSpec, sent: Mapping[str, Any]
) -> list[Fault]:
    """Returns a fault if only the default of a version that is left out would upgrade the cluster.

    Args:
        sent: the document as it was sent.
    """
    kubernetes: Any = sent.get("kubernetes")
    if isinstance(kubernetes, dict) and "version" in cast(dict[str, Any], kubernetes):
        return []
    if not is_upgrade(record, wanted):
        return []
    return [
        Fault(
            path=PATH,
            message=f"is left out, and its default {wanted.kubernetes.version} is not the "
            "cluster's version",
            allowed=f'write it out: "{record.upgrading or built_version(record)}"',
        )
    ]


def _built(record: ClusterRecord) -> ClusterSpec | None:
    """Returns the spec that the cluster was built from. None if there is none, or if this version
    cannot read it, which `change_faults` says."""
    try:
        return stored_spec(record.built) if record.built else None
    except UnreadableDocumentError:
        return None


def built_version(record: ClusterRecord) -> str:
    """Returns the version that every node has had, or ""."""
    built = _built(record)
    return built.kubernetes.version if built else ""


def _is_met(before: str, wanted: ClusterSpec) -> bool:
    """Returns whether a cluster of the version `before` is one of the wanted version already."""
    if before == wanted.kubernetes.version:
        return True
    return not wanted.kubernetes.patch and _minor(before) == wanted.kubernetes.minor


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _version_faults(record: ClusterRecord, before: str, wanted: str) -> Iterator[Fault]:
    message = ""
    begun, old, new = release_of(record.upgrading), release_of(before), release_of(wanted)
    allowed = f"{before}, or a later patch release or the next minor of it"
    if old is None or new is None:
        message = f"the cluster was built with {before}, which this version does not know"
        allowed = before
    elif begun is not None and not _goes_on(begun, new):
        message = f"an upgrade to {record.upgrading} has begun; nodes may have that version already"
        allowed = (
            f"{record.upgrading}, which goes on with it, or a later patch release of its minor"
        )
    elif new[:2] < old[:2] or (new[:2] == old[:2] and (new.patch or 0) < (old.patch or 0)):
        message = f"{wanted} is older than the cluster's {before}; Kubernetes cannot go back"
    elif new.minor - old.minor > 1 or new.major != old.major:
        message = f"{wanted} skips a minor version after the cluster's {before}"
        allowed = f"1.{old.minor + 1} first: one minor version at a time"
    if message:
        yield Fault(path=PATH, message=message, allowed=allowed)


def _goes_on(begun: Release, wanted: Release) -> bool:
    """Returns whether an upgrade to `begun` may end at the wanted release."""
    if begun[:2] != wanted[:2]:
        return False
    return wanted.patch is None or begun.patch is None or wanted.patch >= begun.patch


def _leaving(record: ClusterRecord) -> Iterator[Fault]:
    """Yields a fault if nodes are being removed or replaced. That cannot begin any more once an
    upgrade has begun."""
    names = [slot.name for slot in record.slots if slot.leaving]
    if (names or record.replacing) and not record.upgrading:
        named = f": {', '.join(names[:NAMES_TOLD])}" if names else ""
        yield Fault(
            path=PATH,
            message=f"nodes are being removed or replaced{named}",
            allowed=f"{built_version(record)} first, which goes on with that",
        )


def _other_changes(built: ClusterSpec, wanted: ClusterSpec) -> Iterator[Fault]:
    """Yields the changes of machines, which are made before an upgrade or after it."""
    before, after = _machines(built), _machines(wanted)
    for path, value in after.items():
        if value != before.get(path):
            yield Fault(
                path=path,
                message="machines cannot change in the request that upgrades Kubernetes",
                allowed="the machines as they are; change them in a request before or after it",
            )


def _machines(spec: ClusterSpec) -> dict[str, Any]:
    """Returns what decides on the cluster's machines, by the field's path."""
    document = spec.document()
    pools = [pool | {"securityRules": ()} for pool in document["workers"]]
    found: dict[str, Any] = {"workers": sorted(pools, key=lambda pool: pool["name"])}
    for part in ("controlPlane", "etcd"):
        for field in ("count", "vmSize", "dataDiskGiB"):
            if field in document[part]:
                found[f"{part}.{field}"] = document[part][field]
    return found | {"image": document["image"]}


def _early_ends(wanted: ClusterSpec) -> Iterator[Fault]:
    if LAST_STAGES[-1] not in wanted.stages:
        yield Fault(
            path="playbook.through",
            message="the play has to run all stages in an upgrade",
            allowed=f"{LAST_STAGES[-1]}, the default",
        )
