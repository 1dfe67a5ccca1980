"""The audit finds each kind of wrong that it counts."""

import json
from datetime import UTC, datetime
from pathlib import Path

from cluster.contracts import FinishInput, RunRef
from cluster.events import Event, to_line
from cluster.names import CLUSTER_TAG, run_blob
from cluster.outcomes import Cause
from cluster.ownership import GROUP_TAG, UID_TAG
from cluster.record import ClaimedOperation, ClusterRecord
from lab.testing.engines import CACHE
from tests.kills.audit import Audit
from tests.kills.callers import Book
from tests.kills.installation import Installation, running_installation

REF = RunRef(cluster="odd", generation=1)


def test_the_audit_finds_each_kind_of_wrong(tmp_path: Path) -> None:
    with running_installation(tmp_path, {"engine": "memory", "cache": str(CACHE)}) as app:
        clean = Audit(app, Book())
        assert not any((clean.lost(), clean.shown_and_not_running(), clean.left()))
        assert not any((*clean.duplicates().values(), *clean.orphans().values()))
        book = Book()
        book.accepted |= {"/api/clusters/odd/operations/1", "/api/clusters/never/operations/1"}
        audit = Audit(app, book)
        _record(app)
        _leave_things_without_a_record(app)
        _do_things_twice(app)
        assert audit.lost() == [
            "/api/clusters/never/operations/1: never claimed",
            "/api/clusters/odd/operations/1: RunLost",
        ]
        assert audit.shown_and_not_running() == ["odd"]
        assert audit.going_on() == ["odd: running"]
        assert all(audit.orphans().values()), audit.orphans()
        assert all(audit.duplicates().values()), audit.duplicates()
        assert len(audit.left()) == 4
        assert audit.superseded() == {
            "begun and done": 1,
            "refused": 1,
            "killed": 1,
            "in flight": 1,
        }


def _record(app: Installation) -> None:
    """A record that says that its run goes on, which the engine lost."""
    now = datetime.now(UTC).isoformat()
    operation = ClaimedOperation(
        generation=1, kind="reconcile", instance_id="odd-000001", started_at=now
    )
    record = ClusterRecord(name="odd", uid="1", generation=1, operation=operation)
    app.services.store.create_record(record)
    cause = Cause(code="RunLost", message="lost")
    app.services.store.save_result(
        FinishInput(cluster="odd", generation=1, result="failed", cause=cause)
    )


def _leave_things_without_a_record(app: Installation) -> None:
    arm, tags = app.facade.arm.state, {CLUSTER_TAG: "gone", UID_TAG: "2"}
    arm.groups["gone-rg"] = {"tags": {GROUP_TAG: "gone", UID_TAG: "2"}}
    one = {"id": "/gone-vm", "name": "gone-vm", "group": "gone-rg", "tags": tags}
    one["type"] = "Microsoft.Compute/virtualMachines"
    arm.resources["/gone-vm"] = one
    app.fabric.machines["gone-rg/forgotten"] = None  # type: ignore[assignment]
    version = {"tags": tags}
    app.facade.vault.secrets["gone-2-ssh-key"] = [version, version]


def _do_things_twice(app: Installation) -> None:
    app.deployed += ["/deployments/one", "/deployments/one"]
    app.fabric.twice.append("odd-rg/odd-etcd-0")
    machines = app.folder / "machines"
    for disk in ("disk-1", "disk-2"):
        (machines / disk).mkdir()
        (machines / disk / "plays.json").write_text('{"odd-000001-1": {}}')
    event = Event(seq=1, time="", phase="", text="the run started", kind="run.started")
    lines = (to_line(event) * 2).encode()
    app.services.store.blobs.append_at(run_blob("odd", 1, "events.jsonl"), 0, lines)
    posted = json.dumps({"text": "`odd-000001`\nthe run started"}) + "\n"
    (app.folder / "slack.jsonl").write_text(posted * 2)
    claim = run_blob("odd", 1, "slack/00001-0.claimed.json")
    app.services.store.blobs.write(claim, json.dumps({"lines": ["the run started"]}).encode())
    _note_executions(machines)


def _note_executions(machines: Path) -> None:
    """Four executions of run 1, and the claim of run 2 between them."""
    notes = [
        ("began", 1, 1.0, "a", ""),
        ("saved", 2, 2.0, "", ""),
        ("ended", 1, 3.0, "a", "done"),
        ("began", 1, 4.0, "b", ""),
        ("ended", 1, 5.0, "b", "done"),
        ("began", 1, 6.0, "c", ""),
        ("ended", 1, 7.0, "c", "Superseded"),
        ("began", 1, 8.0, "d", ""),
    ]
    lines = [
        json.dumps(
            {"kind": kind, "run": ["odd", run], "at": at, "execution": execution, "code": code}
            | {"changes": True, "exempt": False, "activity": "start_deployment"}
        )
        for kind, run, at, execution, code in notes
    ]
    (machines / "notes-1.jsonl").write_text("\n".join(lines) + "\n")
