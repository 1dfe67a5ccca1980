"""The timer's work: which clusters it starts, how many at once, and which it leaves."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cluster.closing import closed
from cluster.contracts import MAINTAIN_CLUSTER, FinishInput
from cluster.health import finding
from cluster.maintenance import Policy, last_due
from cluster.record import ClaimedOperation, ClusterRecord
from runs.backup_claims import claim_backup, claim_maintenance
from runs.claims import claim_delete
from runs.engine import EngineAwayError
from runs.maintenance import CALLER, Started, start_due
from runs.starts import ClaimContext
from tests.runs.memory import engine, new_context, spec

BORN = datetime(2026, 1, 1, tzinfo=UTC)
# A cluster maintained now is due again within this, at any hour: its next time may be so near that
# this maintenance counts for it.
NEXT = timedelta(days=9)


def cluster(context: ClaimContext, name: str, **changes: Any) -> None:
    """A cluster that was launched and maintained long ago."""
    document = spec().document() | {"name": name} | changes.pop("spec", {})
    operation = ClaimedOperation(
        generation=1,
        kind="reconcile",
        instance_id=f"{name}-000001",
        started_at=BORN.isoformat(),
        finished=True,
    )
    fields: dict[str, Any] = {
        "name": name,
        "uid": "1f0c2ab4",
        "generation": 1,
        "state": "ready",
        "spec": document,
        "operation": operation,
        "updated_at": BORN.isoformat(),
        "maintained_at": BORN.isoformat(),
    }
    context.store.create_record(ClusterRecord(**fields | changes))
    context.store.save_result(FinishInput(cluster=name, generation=1, result="succeeded"))
    engine(context).states[f"{name}-000001"] = "COMPLETED"


def tick(context: ClaimContext, **options: Any) -> Started:
    given = {"days": 7, "at_once": 20, **options}
    now = given.pop("now", datetime.now(UTC))
    return start_due(context, now, **given)


def end(context: ClaimContext, name: str, result: Any = "succeeded") -> None:
    record, etag = context.store.need_record(name)
    assert record.operation
    ended = FinishInput(cluster=name, generation=record.generation, result=result)
    context.store.save_result(ended)
    context.store.save_record(closed(record, ended), etag)
    engine(context).states[record.operation.instance_id] = "COMPLETED"


def test_a_due_cluster_is_claimed_once_and_not_again_before_its_next_time() -> None:
    context = new_context()
    cluster(context, "demo")
    assert tick(context).started == ["demo"]
    record = context.store.need_record("demo")[0]
    assert record.operation
    assert (record.operation.kind, record.operation.caller) == ("maintain", CALLER)
    assert engine(context).starts == [(MAINTAIN_CLUSTER, "demo-000002")]
    again = tick(context)
    assert (again.running, again.started) == (1, [])
    end(context, "demo", "failed")
    assert context.store.need_record("demo")[0].state == "degraded"
    assert tick(context).started == [], "a failed one waits for its next time"
    later = datetime.now(UTC) + NEXT
    assert tick(context, now=later).started == ["demo"]


def test_no_more_run_at_once_than_the_setting_says_also_after_a_long_outage() -> None:
    context = new_context()
    names = [f"cluster-{number}" for number in range(12)]
    for name in names:
        cluster(context, name)
    first = tick(context, at_once=5)
    assert (len(first.started), first.waiting) == (5, 7)
    assert tick(context, at_once=5).started == []
    for name in first.started[:2]:
        end(context, name)
    second = tick(context, at_once=5)
    assert (second.running, len(second.started)) == (3, 2)
    assert not set(first.started) & set(second.started)


def test_those_that_are_due_for_longest_come_first() -> None:
    context = new_context()
    for number in range(9):
        cluster(context, f"cluster-{number}")
    order: list[str] = []
    while found := tick(context, at_once=1).started:
        order += found
        end(context, found[0])
    assert sorted(order) == [f"cluster-{number}" for number in range(9)]
    other = new_context()
    for number in reversed(range(9)):
        cluster(other, f"cluster-{number}")
    assert tick(other, at_once=9).started == order


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"state": "failed"}, "the cluster is failed"),
        ({"state": "cancelled"}, "the cluster is cancelled"),
        ({"state": "a state of a newer version"}, "the cluster is a state of a newer version"),
    ],
)
def test_a_cluster_that_is_not_well_is_skipped_with_the_reason(
    change: dict[str, Any], why: str
) -> None:
    context = new_context()
    cluster(context, "demo", **change)
    done = tick(context)
    assert (done.started, done.skipped) == ([], {"demo": why})
    assert engine(context).starts == []


@pytest.mark.parametrize("busy", [claim_backup, claim_delete])
def test_a_cluster_with_another_operation_is_skipped_with_the_reason(
    busy: Callable[..., Any],
) -> None:
    context = new_context()
    cluster(context, "demo")
    assert busy(context, "demo", "ada")
    done = tick(context)
    assert done.started == []
    assert "another operation" in done.skipped["demo"] or "deleting" in done.skipped["demo"]


def test_a_removed_cluster_is_not_mentioned() -> None:
    context = new_context()
    cluster(context, "demo", state="deleted")
    assert tick(context) == Started()


@pytest.mark.parametrize(
    "options", [{"days": 0}, {"spec": {"maintenance": {"enabled": False}}}], ids=str
)
def test_switched_off_nothing_is_started(options: dict[str, Any]) -> None:
    context = new_context()
    cluster(context, "demo", **{k: v for k, v in options.items() if k == "spec"})
    done = tick(context, **{k: v for k, v in options.items() if k == "days"})
    assert (done.started, done.skipped) == ([], {})


def test_a_lost_maintenance_does_not_count_as_running_and_is_tried_at_its_next_time() -> None:
    context = new_context()
    cluster(context, "demo")
    cluster(context, "other")
    assert tick(context, at_once=1).started
    (lost,) = [name for name, state in engine(context).states.items() if state == "RUNNING"]
    engine(context).states[lost] = "TERMINATED"
    assert len(tick(context, at_once=1).started) == 1
    name = lost.rpartition("-")[0]
    later = datetime.now(UTC) + NEXT
    assert name in tick(context, at_once=9, now=later).started


def test_a_claim_whose_start_was_lost_is_started_under_the_same_number() -> None:
    context = new_context()
    cluster(context, "demo")
    engine(context).lose_next = True
    assert tick(context).started == ["demo"]
    assert engine(context).starts == []
    assert tick(context).running == 1
    assert engine(context).starts == [(MAINTAIN_CLUSTER, "demo-000002")]


def test_without_an_engine_nothing_is_claimed() -> None:
    context = new_context()
    cluster(context, "demo")

    def away(method: str) -> None:
        raise EngineAwayError(method)

    engine(context).before = away
    with pytest.raises(EngineAwayError):
        tick(context)
    assert context.store.need_record("demo")[0].maintained_at == BORN.isoformat()


def test_a_request_joins_the_maintenance_that_the_timer_started() -> None:
    context = new_context()
    cluster(context, "demo")
    tick(context)
    claim = claim_maintenance(context, "demo", "ada")
    assert claim
    assert claim.joined


@pytest.mark.parametrize("days", [7, 3])
def test_after_an_update_a_thousand_clusters_begin_at_their_own_times(days: int) -> None:
    """Their records are of a version that maintained none."""
    context = new_context()
    names = [f"cluster-{number}" for number in range(1000)]
    for name in names:
        cluster(context, name, maintained_at="")
    update, step = datetime.now(UTC), timedelta(hours=12)
    begun: dict[str, datetime] = {}
    for number in range(days * 2):
        now = update + number * step
        begun |= dict.fromkeys(tick(context, now=now, days=days, at_once=2000).started, now)
    late = {n: now - last_due(n, Policy(), days, now) for n, now in begun.items()}
    first = {name for name, now in begun.items() if now == update}
    assert len(first) < 1.3 * 1000 / days, "those of the last day"
    assert all(late[name] < timedelta(days=1) for name in first)
    assert all(late[name] < step for name in set(names) - first)


OFF = finding("MachineOff", "demo-worker-0")
REPAIRING = {"maintenance": {"repair": True}}


def degraded(context: ClaimContext, name: str = "demo", **changes: Any) -> None:
    """A cluster whose maintenance has just found a machine that is off."""
    cluster(context, name, **{"spec": REPAIRING} | changes)
    assert claim_maintenance(context, name, "ada")
    record, etag = context.store.need_record(name)
    assert record.operation
    found = changes.get("found", (OFF,))
    ended = FinishInput(
        cluster=name, generation=record.generation, result="succeeded", findings=found
    )
    context.store.save_result(ended)
    context.store.save_record(closed(record, ended), etag)
    engine(context).states[record.operation.instance_id] = "COMPLETED"


def test_a_repair_applies_the_spec_once_after_a_maintenance() -> None:
    context = new_context()
    degraded(context)
    spec_before = context.store.spec(context.store.need_record("demo")[0])
    now = datetime.now(UTC)
    assert tick(context, now=now).repaired == ["demo"]
    record = context.store.need_record("demo")[0]
    assert record.operation
    assert (record.operation.kind, record.operation.caller) == ("reconcile", CALLER)
    assert (record.generation, context.store.spec(record)) == (3, spec_before)
    assert tick(context, now=now).repaired == [], "it runs"
    end(context, "demo")
    record = context.store.need_record("demo")[0]
    assert (record.state, record.findings) == ("ready", ())
    assert tick(context, now=now).repaired == []


def test_a_repair_that_failed_is_not_tried_again_by_itself() -> None:
    context = new_context()
    degraded(context)
    now = datetime.now(UTC)
    assert tick(context, now=now).repaired == ["demo"]
    end(context, "demo", "failed")
    assert tick(context, now=now).repaired == []
    assert context.store.need_record("demo")[0].state == "failed"


@pytest.mark.parametrize(
    "policy",
    [{}, {"repair": False}, {"repair": "yes"}, {"repair": True, "enabled": False}],
    ids=str,
)
def test_nothing_is_repaired_that_did_not_ask_for_it(policy: dict[str, Any]) -> None:
    context = new_context()
    degraded(context, spec={"maintenance": policy})
    assert tick(context).repaired == []


@pytest.mark.parametrize("code", ["EtcdUnhealthy", "NodeNotReady", "BackupTooOld", "UpdatesFailed"])
def test_what_needs_a_person_starts_no_repair(code: Any) -> None:
    context = new_context()
    cluster(
        context, "demo", spec=REPAIRING, state="degraded", findings=(finding(code, "demo-etcd-0"),)
    )
    assert tick(context, now=BORN).repaired == []


def test_an_installation_that_maintains_nothing_repairs_nothing() -> None:
    context = new_context()
    degraded(context)
    assert tick(context, days=0).repaired == []


def test_no_more_repairs_begin_at_once_than_the_setting_says() -> None:
    context = new_context()
    for number in range(5):
        degraded(context, f"shop-{number}")
    now = datetime.now(UTC)
    first = tick(context, at_once=3, now=now)
    assert (len(first.repaired), first.started, first.waiting) == (3, [], 2)
    assert len(tick(context, at_once=3, now=now).repaired) == 2


def test_a_spec_that_is_refused_now_is_told_and_changes_nothing() -> None:
    context = new_context()
    degraded(context, spec=REPAIRING | {"kubernetes": {"podCidr": "10.0.0.0/16"}})
    before = context.store.need_record("demo")
    done = tick(context)
    assert done.repaired == []
    assert "kubernetes.podCidr" in done.skipped["demo"]
    assert context.store.need_record("demo") == before


def test_an_engine_that_is_away_ends_the_call_and_is_no_reason_of_one_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = new_context()
    degraded(context)

    def away(*_: Any, **__: Any) -> Any:
        raise EngineAwayError("the engine does not answer")

    monkeypatch.setattr("runs.repairs.claim_reconcile", away)
    with pytest.raises(EngineAwayError):
        tick(context, now=datetime.now(UTC))
