"""The page reads every field that it shows from the documents that the API's models make."""

import json
import subprocess
from typing import Any, get_args

import pytest

from cluster import api
from cluster.events import Level
from lab.testing.machines import node
from triggers.view import PAGE

READ = """
const page = process.argv[1];
const { readCluster, readEvents, readTimeline } = await import(`${page}/documents.mjs`);
const looks = await import(`${page}/looks.mjs`);
const input = JSON.parse(process.argv[2]);
console.log(JSON.stringify({
    cluster: readCluster(input.cluster),
    events: readEvents(input.events),
    timeline: readTimeline(input.timeline),
    looks: Object.fromEntries(
        Object.entries(looks)
            .filter(([, table]) => typeof table === "object")
            .map(([name, table]) => [name, Object.keys(table)]),
    ),
}));
"""
CAUSE = {"code": "a", "phase": "b", "place": "c", "message": "d", "nextStep": "e", "logTail": "f"}
PLAY = {"stage": "add-ons", "title": "Add-ons", "task": "Start it", "host": "demo-etcd-0"}
CLUSTER = {
    "name": "demo",
    "state": "failed",
    "stopsAfter": "etcd",
    "generation": 3,
    "kind": "reconcile",
    "phase": "playbook",
    "percent": 41,
    "phases": [
        {
            "name": "network",
            "state": "done",
            "startedAt": "2026-11-29T12:00:00+00:00",
            "seconds": 1.5,
        }
    ],
    "nodes": [
        {
            "name": "demo-worker-0",
            "role": "worker",
            "pool": "gpu",
            "address": "10.0.0.4",
            "state": "ready",
            "kubernetesVersion": "1.36.1",
        }
    ],
    "play": PLAY,
    "checks": [{"name": "etcd", "ok": True, "detail": "three members"}],
    "findings": [
        {"code": "MachineOff", "subject": "demo-etcd-1", "detail": "off", "nextStep": "start it"}
    ],
    "cause": CAUSE,
    "note": "a note",
    "startedAt": "2026-11-29T11:59:59+00:00",
    "caller": "ada",
    "group": "demo-rg",
}
ACCESS = {"vault": "https://v", "kubeconfigSecret": "demo-kubeconfig", "apiName": "demo.internal"}
EVENT = {
    "seq": 7,
    "time": "2026-11-29T12:00:01+00:00",
    "phase": "playbook",
    "level": "warning",
    "node": "demo-etcd-0",
    "task": "Start etcd",
    "text": "slow",
}
NODES = {"nodes": ["demo-etcd-1", "demo-etcd-2"]}
# Fields that are searched, but not shown.
FOUND = {"kind": "nodes.ready", "subject": "Net"}
PART = {
    "id": "net",
    "name": "net",
    "state": "done",
    "startedAt": "2026-11-29T12:00:00+00:00",
    "endedAt": "2026-11-29T12:00:09+00:00",
}
TIMELINE = {
    "startedAt": "2026-11-29T12:00:00+00:00",
    "endedAt": "2026-11-29T12:01:00+00:00",
    "deployments": [PART],
    "stages": [PART | {"id": "add-ons", "name": "Add-ons"}],
    "skipped": [{"id": "verify", "name": "Verify"}],
    "reports": [{"time": "2026-11-29T12:00:40+00:00", "nodes": ["demo-worker-0"], "further": 2}],
}


@pytest.fixture(scope="module")
def read() -> dict[str, Any]:
    """What the page's modules read from the documents, and the states that they know."""
    spec = {"location": "westeurope", "kubernetes": {"version": "1.36.1"}}
    documents = {
        "cluster": api.ClusterDetail.model_validate(CLUSTER | {"spec": spec, "access": ACCESS}),
        "events": api.EventList.model_validate(
            {"generation": 3, "events": [EVENT | NODES | FOUND], "next": 7}
        ),
        "timeline": api.RunTimeline.model_validate(TIMELINE | {"name": "demo", "generation": 3}),
    }
    sent = {n: d.model_dump(mode="json", by_alias=True) for n, d in documents.items()}
    argv = [str(node()), "--input-type=module", "--eval", READ, PAGE.as_uri(), json.dumps(sent)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_field_of_a_cluster_arrives(read: dict[str, Any]) -> None:
    assert read["cluster"] == CLUSTER | {
        "location": "westeurope",
        "kubernetes": "1.36.1",
        "hasKubernetes": True,
    }


def test_every_field_of_an_event_arrives(read: dict[str, Any]) -> None:
    assert read["events"] == [
        EVENT | NODES | {"search": "demo-etcd-0 demo-etcd-1 demo-etcd-2 net start etcd slow"}
    ]


def test_every_field_of_a_timeline_arrives(read: dict[str, Any]) -> None:
    assert read["timeline"] == TIMELINE


@pytest.mark.parametrize(
    ("table", "states"),
    [
        ("CLUSTER_LOOKS", api.ClusterState),
        ("PHASE_LOOKS", api.PhaseState),
        ("BAR_LOOKS", api.PartState),
        ("NODE_LOOKS", api.NodeState),
        ("LEVELS", Level),
    ],
)
def test_every_state_of_the_api_has_a_look(read: dict[str, Any], table: str, states: Any) -> None:
    values = get_args(getattr(states, "__value__", states))
    assert set(read["looks"][table]) == set(values)
