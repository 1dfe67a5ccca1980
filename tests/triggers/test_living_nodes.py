"""A run on a living cluster shows the nodes that exist as they are, and marks those that failed."""

from typing import Any

import pytest

from cluster import names
from cluster.contracts import FinishInput, PhaseRecord, RunRef
from cluster.events import Event, to_line
from cluster.plan import make_plan
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from orchestrators.reconcile_cluster import PHASES
from tests.triggers.sample_answers import SPEC, STATUS, Installation, ask, ended, installation
from triggers import clusters

EXISTING = ("demo-controller", "demo-control-plane-0", "demo-etcd-0", "demo-worker-0")
NEW = "demo-worker-1"
BEFORE_NODES = list(PHASES)[: list(PHASES).index("nodes")]


def shown(app: Installation) -> dict[str, str]:
    nodes = ask(clusters.get_cluster, app.client)["body"]["nodes"]
    return {node["name"]: node["state"] for node in nodes}


def second_run(app: Installation, phase: str, *, planned: bool = True, **changes: Any) -> RunRef:
    """Makes a cluster of which all but one node were ready, in its second run."""
    record = app.fill()
    spec, first = parse_spec(SPEC), RunRef(cluster="demo", generation=1)
    app.store.keep_plan(first, make_plan(spec, record, []))
    app.store.add_node_states(first, dict.fromkeys(EXISTING, "ready"))
    assert record.operation
    operation = record.operation.model_copy(update={"generation": 2, "instance_id": "demo-000002"})
    update = {"generation": 2, "operation": operation} | changes
    record = record.model_copy(update=update)
    found = app.store.record("demo")
    assert found
    app.store.save_record(record, found[1])
    ref = RunRef(cluster="demo", generation=2)
    if planned:
        app.store.keep_plan(ref, make_plan(spec, record, EXISTING))
    app.status = STATUS | {"phase": phase, "phases": []}
    app.instance = "demo-000002"
    return ref


@pytest.mark.parametrize("phase", BEFORE_NODES)
def test_existing_nodes_keep_their_last_report_until_the_run_waits_for_another(phase: str) -> None:
    with installation() as app:
        second_run(app, phase)
        states = shown(app)
    assert {states[name] for name in EXISTING} == {"ready"}
    assert states[NEW] == ("deploying" if phase == "machines" else "planned")


def test_existing_nodes_are_shown_as_they_are_before_there_is_a_plan() -> None:
    with installation() as app:
        second_run(app, "plan", planned=False)
        states = shown(app)
    assert {states[name] for name in EXISTING} == {"ready"}
    assert states[NEW] == "planned"


def test_in_the_phase_of_the_nodes_only_new_reports_count() -> None:
    with installation() as app:
        second_run(app, "nodes")
        assert set(shown(app).values()) == {"waiting"}


def refused(app: Installation, **changes: Any) -> RunRef:
    """Ends the second run before its phase `nodes`."""
    ref = second_run(app, "preflight", **changes)
    found = app.store.record("demo")
    assert found
    app.store.save_record(found[0].model_copy(update=ended(found[0], state="failed")), found[1])
    phases = (
        PhaseRecord(name="preflight", state="failed", started_at="2026-11-29T12:00:00+00:00"),
    )
    app.store.save_result(FinishInput(**ref.model_dump(), result="failed", phases=phases))
    return ref


def test_a_run_that_is_refused_leaves_existing_nodes_as_they_were() -> None:
    with installation() as app:
        refused(app)
        states = shown(app)
    assert {states[name] for name in EXISTING} == {"ready"}
    assert states[NEW] == "planned"


def test_a_machine_that_is_gone_is_not_shown_as_it_was() -> None:
    with installation() as app:
        ref = second_run(app, "preflight", planned=False)
        record = app.store.need_record("demo")[0]
        app.store.keep_plan(ref, make_plan(parse_spec(SPEC), record, EXISTING[:-1]))
        states = shown(app)
    assert states["demo-worker-0"] == "planned"
    assert states["demo-etcd-0"] == "ready"


def test_nodes_of_a_removed_cluster_of_the_same_name_are_not_taken_for_this_one() -> None:
    with installation() as app:
        second_run(app, "plan", planned=False, uid="another")
        assert set(shown(app).values()) == {"planned"}


def add_events(app: Installation, generation: int, *events: Event) -> None:
    blob = names.run_blob("demo", generation, "events.jsonl")
    lines = "".join(map(to_line, events)).encode()
    app.store.blobs.append_at(blob, app.store.blobs.size(blob), lines)


def event(seq: int, **about: Any) -> Event:
    time = "2026-11-29T12:04:00+00:00"
    return Event(seq=seq, time=time, phase="playbook", text="x", **about)


FAILURE = event(3, kind="play.failed", node="demo-worker-1", subject="demo-worker-1")
CHECK = event(3, kind="check.failed", subject="containerd on demo-worker-1")


def all_ready(app: Installation) -> ClusterRecord:
    record = app.fill()
    ref = RunRef(cluster="demo", generation=1)
    app.store.add_node_states(ref, {slot.name: "ready" for slot in record.slots})
    return record


@pytest.mark.parametrize("fault", [FAILURE, CHECK], ids=["play", "check"])
@pytest.mark.parametrize("over", [False, True], ids=["goes on", "ended"])
def test_a_node_on_which_the_play_or_a_check_failed_is_not_ready(fault: Event, over: bool) -> None:
    with installation() as app:
        record = all_ready(app)
        add_events(app, 1, fault)
        if over:
            found = app.store.need_record("demo")
            changed = record.model_copy(update=ended(record, state="failed"))
            app.store.save_record(changed, found[1])
            app.store.save_result(FinishInput(cluster="demo", generation=1, result="failed"))
        states = shown(app)
    assert states.pop("demo-worker-1") == "failed"
    assert set(states.values()) == {"ready"}


def test_a_play_that_is_started_again_begins_without_failures() -> None:
    with installation() as app:
        all_ready(app)
        add_events(app, 1, FAILURE, event(4, kind="play.started", subject="2"))
        assert set(shown(app).values()) == {"ready"}


def test_the_failure_of_the_last_run_is_still_shown_while_the_next_begins() -> None:
    with installation() as app:
        second_run(app, "keys")
        add_events(app, 1, event(3, kind="play.failed", node="demo-worker-0"))
        assert shown(app)["demo-worker-0"] == "failed"
