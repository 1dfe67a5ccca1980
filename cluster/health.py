"""What a maintenance finds wrong with a cluster, as data. A cluster with findings is `degraded`."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from cluster.model import OPEN_TEXT, KeptContract
from cluster.outcomes import cut

HealthCode = Literal[
    "MachineMissing",
    "MachineOff",
    "EtcdUnhealthy",
    "EtcdSpaceAlarm",
    "EtcdDiskLow",
    "RuntimeUnhealthy",
    "ApiServerUnhealthy",
    "NodeNotReady",
    "CheckFailed",
    "CertificateDue",
    "BackupTooOld",
    "DriftNotCorrected",
    "UpdatesFailed",
    "MaintenanceFailed",
]
# As many as fit into a payload beside the checks of the verification.
SHOWN = 25
DETAIL_CHARACTERS = 200

# What to do about a finding. PUT means the cluster's spec, sent again.
NEXT_STEPS: dict[str, str] = {
    "MachineMissing": "send the same spec again; the run creates the machine",
    "MachineOff": "send the same spec again; the run starts the machine",
    "EtcdUnhealthy": "look at etcd's log on the named member, then send the same spec with a full "
    "pass",
    "EtcdSpaceAlarm": "delete objects that the cluster does not need and compact etcd, then send "
    "the same spec with a full pass: it defragments and ends the alarm",
    "EtcdDiskLow": "free space on the disk of /var/lib/etcd of the named member",
    "RuntimeUnhealthy": "look at containerd's log on the named machine, then send the same spec "
    "with a full pass",
    "ApiServerUnhealthy": "look at the control planes' kube-apiserver, then send the same spec "
    "with a full pass",
    "NodeNotReady": "look at the kubelet's log on the named node, then send the same spec with a "
    "full pass",
    "CheckFailed": "look at what the detail names, then send the same spec with a full pass",
    "CertificateDue": "send the same spec with a full pass; its play renews certificates that are "
    "due, and says why if it cannot",
    "BackupTooOld": "request a backup; its cause says why none can be taken",
    "DriftNotCorrected": "fix what the detail names, then send the same spec with a full pass",
    "UpdatesFailed": "look at what the detail names on that machine; if its node is still "
    "cordoned, make it schedulable again (kubectl uncordon NODE); then request the maintenance "
    "again. Machines after it in the order were left as they are",
    "MaintenanceFailed": "fix what the cause names, then request the maintenance again",
}


# What a PUT of the same spec repairs, without anything else being done first.
REPAIRED: tuple[HealthCode, ...] = ("MachineMissing", "MachineOff")

# The verification's checks of one machine, by the words before " on ", and its other names.
OF_MACHINE: dict[str, HealthCode] = {
    "etcd": "EtcdUnhealthy",
    "etcd disk": "EtcdDiskLow",
    "containerd": "RuntimeUnhealthy",
    "certificates": "CertificateDue",
}
NODE, API = "node ", "API server"


class HealthFinding(KeptContract):
    """One finding. `subject`: the machine, or what else it is about."""

    code: Annotated[HealthCode, OPEN_TEXT] = Field(
        description="What is wrong, for programs.", examples=["NodeNotReady"]
    )
    subject: str = Field(
        default="", description="The machine that it is about, if it is one.", examples=["demo-w-0"]
    )
    detail: str = Field(default="", description="What was seen.")


def finding(code: HealthCode, subject: str = "", detail: str = "") -> HealthFinding:
    return HealthFinding(code=code, subject=subject, detail=cut(detail, DETAIL_CHARACTERS))


def of_check(name: str, detail: str) -> HealthFinding:
    """Returns the finding of a failed check of the verification, by the check's name."""
    what, _, where = name.rpartition(" on ")
    if what in OF_MACHINE:
        # etcdctl calls a member unhealthy while it has an alarm, and names the alarm.
        alarm = what == "etcd" and "NOSPACE" in detail
        return finding("EtcdSpaceAlarm" if alarm else OF_MACHINE[what], where, detail)
    if name.startswith(NODE):
        return finding("NodeNotReady", name.removeprefix(NODE), detail)
    if name == API:
        return finding("ApiServerUnhealthy", "", detail)
    return finding("CheckFailed", name, detail)


def merged(*groups: Iterable[HealthFinding]) -> tuple[HealthFinding, ...]:
    """Returns the findings in order, one for each code and subject. A machine that is known to be
    missing or off is not reported again for what it does not answer."""
    found: dict[tuple[str, str], HealthFinding] = {}
    absent: set[str] = set()
    for one in (one for group in groups for one in group):
        if one.code in ("MachineMissing", "MachineOff"):
            absent.add(one.subject)
        elif one.subject and one.subject in absent:
            continue
        found.setdefault((one.code, one.subject), one)
    return tuple(found.values())[:SHOWN]


def codes(findings: Iterable[HealthFinding]) -> tuple[str, ...]:
    """Returns the codes of findings, each once, in their order."""
    return tuple(dict.fromkeys(one.code for one in findings))


def after_reconcile(findings: Iterable[HealthFinding], *, full: bool) -> tuple[HealthFinding, ...]:
    """Returns the findings that a successful reconcile does not refute: it verifies the cluster,
    and only a full pass renews certificates; it takes no backup and restarts no machine."""
    kept = ("BackupTooOld", "UpdatesFailed", *(() if full else ("CertificateDue",)))
    return tuple(one for one in findings if one.code in kept)


def after_backup(findings: Iterable[HealthFinding]) -> tuple[HealthFinding, ...]:
    return tuple(one for one in findings if one.code != "BackupTooOld")
