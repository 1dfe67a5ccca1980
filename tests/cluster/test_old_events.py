"""Lines of versions whose events had no kind are read with the fields that a newer version writes.

The lines are of such a version, as its runs wrote them.
"""

import json
from typing import Any

import pytest

from cluster.contracts import RunRef
from cluster.events import Event, from_lines, to_line
from cluster.timeline import make_timeline

FAILED = "task 'etcd : Start etcd' failed: timed out\nafter 90 s"
UNREACHABLE = "task 'base : Set the time' unreachable: no route to host"
NAMES = tuple(f"demo-worker-{number}" for number in range(21))


def line(text: str, phase: str, **more: str) -> str:
    time = "2026-01-05T08:00:00.000Z"
    old = {"level": "info", "node": "", "task": "", "operation": "demo-000001"}
    return json.dumps({"seq": 1, "time": time, "phase": phase, "text": text} | old | more) + "\n"


@pytest.mark.parametrize(
    ("old", "fields"),
    [
        (line("phase network started", "network"),
         {"kind": "phase.started", "subject": "network"}),
        (line("phase playbook done in 403 s", "playbook"),
         {"kind": "phase.done", "subject": "playbook"}),
        (line("phase nodes failed in 9 s", "nodes", level="error"),
         {"kind": "phase.failed", "subject": "nodes"}),
        (line("phase nodes cancelled in 9 s", "nodes", level="warning"),
         {"kind": "phase.cancelled", "subject": "nodes"}),
        (line("deployment network started", "network"),
         {"kind": "deployment.started", "subject": "network"}),
        (line("deployment worker-0 succeeded", "machines"),
         {"kind": "deployment.succeeded", "subject": "worker-0"}),
        (line("deployment worker-0 failed: no room:\nzone 1", "machines", level="error"),
         {"kind": "deployment.failed", "subject": "worker-0"}),
        (line("ready", "nodes", node="demo-etcd-0"),
         {"kind": "nodes.ready", "subject": "demo-etcd-0", "nodes": ("demo-etcd-0",), "count": 1}),
        (line(f"21 nodes ready: {', '.join(NAMES)}", "nodes"),
         {"kind": "nodes.ready", "nodes": NAMES, "count": 21}),
        (line("604 further nodes ready", "nodes"), {"kind": "nodes.ready", "count": 604}),
        (line("all 1001 nodes reported", "nodes"), {"kind": "nodes.complete", "count": 1001}),
        (line("playbook started (attempt 2)", "playbook"),
         {"kind": "play.started", "subject": "2"}),
        (line("playbook finished", "playbook"), {"kind": "play.finished"}),
        (line("the controller lost the play; it is started again", "playbook", level="warning"),
         {"kind": "play.lost"}),
        (line("play: Etcd", "playbook", task="Etcd"),
         {"kind": "play.stage", "subject": "etcd", "stage": "etcd"}),
        (line("play: Control plane, one by one", "playbook", task="Control plane, one by one"),
         {"kind": "play.stage", "subject": "control-plane", "stage": "control-plane"}),
        (line("etcd : Start etcd", "playbook", task="etcd : Start etcd"), {"kind": "play.task"}),
        (line(FAILED, "playbook", task="etcd : Start etcd", node="demo-etcd-0", level="error"),
         {"kind": "play.failed", "subject": "demo-etcd-0"}),
        (line(UNREACHABLE, "playbook", task="base : Set the time", node="x", level="error"),
         {"kind": "play.failed", "subject": "x"}),
        (line("recap: 7 hosts, ok=9 changed=0 failed=0 unreachable=0", "playbook"),
         {"kind": "play.recap"}),
        (line("launch of demo started", ""), {}),
        (line("quota, VM sizes and templates accepted", "preflight"), {}),
    ],
)  # fmt: skip
def test_an_old_event_has_the_fields_of_a_new_one(old: str, fields: dict[str, Any]) -> None:
    (event,) = from_lines(old)
    found = {name: getattr(event, name) for name in ("kind", "subject", "stage", "nodes", "count")}
    none = {"kind": "note", "subject": "", "stage": "", "nodes": (), "count": 0}
    assert found == none | fields


@pytest.mark.parametrize(
    "old",
    [
        line("deployment worker-0 started", "playbook", task="deployment worker-0 started"),
        line("play: etcd", "playbook", task="another"),
        line("play: etcd", "nodes", task="etcd"),
        line("ready", "playbook", node="demo-worker-0"),
        line("deployment\nworker-0 started", "machines"),
        line("phase verify started", "playbook"),
    ],
)
def test_a_text_counts_only_where_the_run_itself_wrote_it(old: str) -> None:
    found = make_timeline(RunRef(cluster="demo", generation=1), from_lines(old), None)
    assert (found.deployments, found.stages, found.reports) == ((), (), ())


def test_a_new_event_is_read_by_its_fields_and_not_by_its_text() -> None:
    wanted = Event(seq=1, time="t", phase="playbook", text="play: Etcd", task="Etcd", kind="note")
    assert from_lines(to_line(wanted)) == [wanted]


def test_a_kind_of_a_newer_version_is_read_and_counts_as_a_note() -> None:
    newer = {"kind": "deployment.paused", "subject": "network", "task": "a task"}
    (event,) = from_lines(line("phase machines started", "machines", **newer))
    assert event.kind == "deployment.paused"
    found = make_timeline(RunRef(cluster="demo", generation=1), [event], None)
    assert (found.deployments, found.stages, found.reports) == ((), (), ())
