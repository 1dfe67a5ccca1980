"""Findings: how the verification's checks become findings, and which operation refutes which."""

from typing import Any, get_args

import pytest

from cluster.closing import closed
from cluster.contracts import FinishInput
from cluster.health import (
    DETAIL_CHARACTERS,
    NEXT_STEPS,
    SHOWN,
    HealthCode,
    HealthFinding,
    after_backup,
    after_reconcile,
    codes,
    finding,
    merged,
    of_check,
)
from cluster.outcomes import Cause
from cluster.record import ClaimedOperation, ClusterRecord, Kind

ALL = tuple(finding(code, code.lower()) for code in get_args(HealthCode))


@pytest.mark.parametrize(
    ("name", "detail", "code", "subject"),
    [
        ("etcd on demo-etcd-0", "context deadline exceeded", "EtcdUnhealthy", "demo-etcd-0"),
        ("etcd on demo-etcd-1", "Active Alarm(s): alarm:NOSPACE", "EtcdSpaceAlarm", "demo-etcd-1"),
        ("etcd disk on demo-etcd-0", "only 4 % is free", "EtcdDiskLow", "demo-etcd-0"),
        ("containerd on demo-on-0", "no answer", "RuntimeUnhealthy", "demo-on-0"),
        ("certificates on demo-etcd-0", "peer.crt ends", "CertificateDue", "demo-etcd-0"),
        ("API server", "refused", "ApiServerUnhealthy", ""),
        ("node demo-worker-0", "kubelet stopped", "NodeNotReady", "demo-worker-0"),
        ("nodes", "5 of 6", "CheckFailed", "nodes"),
        ("pod on demo-worker-0", "no pod", "CheckFailed", "pod on demo-worker-0"),
        ("demo-worker-0 to a neighbour", "", "CheckFailed", "demo-worker-0 to a neighbour"),
    ],
)
def test_a_failed_check_is_a_finding_with_its_machine(
    name: str, detail: str, code: str, subject: str
) -> None:
    found = of_check(name, detail)
    assert (found.code, found.subject, found.detail) == (code, subject, detail)


def test_every_code_says_what_to_do() -> None:
    assert set(NEXT_STEPS) == set(get_args(HealthCode))


def test_a_machine_that_is_off_is_reported_once_and_not_for_its_silence() -> None:
    off = finding("MachineOff", "demo-worker-0", "deallocated")
    silent = (of_check("containerd on demo-worker-0", ""), of_check("node demo-worker-0", ""))
    other = of_check("etcd on demo-etcd-0", "")
    assert merged((off,), (off, *silent, other)) == (off, other)


def test_findings_are_bounded() -> None:
    many = [finding("NodeNotReady", f"demo-worker-{n}", "x" * 5000) for n in range(1000)]
    found = merged(many)
    assert len(found) == SHOWN
    assert all(len(one.detail) <= DETAIL_CHARACTERS for one in found)
    assert codes(found) == ("NodeNotReady",)


def test_an_operation_refutes_only_what_it_looks_at() -> None:
    kept = {"BackupTooOld", "UpdatesFailed"}
    assert set(codes(after_reconcile(ALL, full=True))) == kept
    assert set(codes(after_reconcile(ALL, full=False))) == {*kept, "CertificateDue"}
    assert set(get_args(HealthCode)) - set(codes(after_backup(ALL))) == {"BackupTooOld"}


def ended(
    kind: Kind,
    result: str,
    findings: tuple[HealthFinding, ...] = (),
    *,
    before: str = "ready",
    known: tuple[HealthFinding, ...] = (),
    skipped: str = "",
) -> ClusterRecord:
    operation = ClaimedOperation(
        generation=2, kind=kind, instance_id="demo-000002", started_at="", state_before=before
    )
    record = ClusterRecord(
        name="demo", uid="1", generation=2, operation=operation, findings=known, maintained_at="x"
    )
    cause = Cause(code="ControllerMissing", message="gone") if result == "failed" else None
    return closed(
        record,
        FinishInput(
            cluster="demo",
            generation=2,
            result=result,
            cause=cause,
            findings=findings,
            skipped=skipped,
        ),
    )


OLD, OFF = finding("BackupTooOld"), finding("MachineOff", "demo-etcd-0")


AFTER = [
    ("maintain", "succeeded", (), (OFF,), "degraded", "ready", []),
    ("maintain", "succeeded", (OFF,), (), "ready", "degraded", ["MachineOff"]),
    ("maintain", "failed", (), (), "ready", "degraded", ["MaintenanceFailed"]),
    ("maintain", "failed", (), (OFF,), "ready", "degraded", ["MaintenanceFailed", "MachineOff"]),
    ("maintain", "cancelled", (OFF,), (), "ready", "ready", []),
    ("maintain", "cancelled", (), (OFF,), "degraded", "degraded", ["MachineOff"]),
    ("backup", "succeeded", (), (OLD,), "degraded", "ready", []),
    ("backup", "succeeded", (), (OLD, OFF), "degraded", "degraded", ["MachineOff"]),
    ("backup", "failed", (), (OLD,), "degraded", "degraded", ["BackupTooOld"]),
    ("backup", "succeeded", (), (OLD,), "failed", "failed", []),
    ("reconcile", "succeeded", (), (OFF,), "", "ready", []),
    ("reconcile", "succeeded", (), (OLD,), "", "degraded", ["BackupTooOld"]),
    ("reconcile", "failed", (), (OFF,), "", "failed", ["MachineOff"]),
    ("delete", "succeeded", (), (OFF,), "", "deleted", []),
]  # fmt: skip


@pytest.mark.parametrize("row", AFTER)
def test_the_record_has_what_the_last_operation_left(row: Any) -> None:
    kind, result, findings, known, before, state, codes_after = row
    record = ended(kind, result, findings, known=known, before=before)
    assert (record.state, [one.code for one in record.findings]) == (state, codes_after)
    assert record.operation
    assert record.operation.finished


def test_a_maintenance_that_was_skipped_leaves_everything_as_it_was() -> None:
    record = ended("maintain", "succeeded", skipped="MachinesOff", known=(OLD,), before="degraded")
    assert (record.state, record.findings) == ("degraded", (OLD,))
