"""Every request and a whole run on documents that another version of Slipway wrote."""

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from cluster.contracts import RunRef
from cluster.spec import ClusterSpec
from doctor.controller import check_login
from lab.simulation.run import Scenario, Simulation, simulation
from tests.cluster.other_versions import LATER, newer
from tests.triggers.sample_answers import ask as show
from tests.triggers.sample_answers import installation
from triggers import clusters, controllers

SMALL = Scenario(6, ready=60.0, play=90.0, tasks=12, cluster="demo", pool="worker")
DOCUMENTS = ("/record.json", "/plan.json", "/result.json", "/checks.json", "/events.jsonl")


def earlier(data: bytes) -> bytes:
    """As the version before today's wrote it: the spec of a plan has Python's names, an operation
    has no hash of the request."""
    if b'"deployments":' in data:
        plan = json.loads(data)
        spec = ClusterSpec.model_validate(plan["spec"]).model_dump(mode="json")
        for part in (spec["etcd"], *spec["workers"]):
            for name in ("data_disk", "os_disk"):
                if f"{name}_gib" in part:
                    part[f"{name}_gi_b"] = part.pop(f"{name}_gib")
        return json.dumps(plan | {"spec": spec}).encode()
    if b'"operation":{' in data:
        record = json.loads(data)
        record["operation"].pop("request_hash")
        return json.dumps(record).encode()
    return data


def written_by(made: Simulation, version: Callable[[bytes], bytes]) -> None:
    """From here on whatever is read was written by that version last."""
    blobs = made.services.store.blobs
    read = blobs.read

    def read_of_version(name: str) -> tuple[bytes, str] | None:
        found = read(name)
        if found is None or not name.endswith(DOCUMENTS):
            return found
        return version(found[0]), found[1]

    blobs.read = read_of_version  # type: ignore[method-assign]


class Backend:
    """The durable client's edge: it knows these instances, all in that state."""

    def __init__(self, state: str, *instances: str) -> None:
        self.state = state
        self.instances = list(instances or ["demo-000001"])
        self.raised: list[str] = []

    def schedule_new_orchestration(self, name: str, *, instance_id: str, **_: Any) -> None:
        del name
        self.instances.append(instance_id)

    def get_orchestration_state(self, instance_id: str, **_: Any) -> Any:
        if instance_id not in self.instances:
            return None
        status = SimpleNamespace(name=self.state)
        return SimpleNamespace(runtime_status=status, serialized_custom_status=None)

    def raise_orchestration_event(self, instance_id: str, *_: Any, **__: Any) -> None:
        self.raised.append(instance_id)


def ask(handler: Any, backend: Backend, body: Any = None, **params: str) -> tuple[int, Any]:
    request = func.HttpRequest(
        "PUT",
        "https://app/api/clusters/demo" + ("?plan=true" if "plan" in params else ""),
        headers={"content-type": "application/json"},
        params=params,
        route_params={"name": "demo", "generation": "1"},
        body=json.dumps(body).encode(),
    )
    takes = handler.__wrapped__.__annotations__
    answer = handler(req=request, **({"client": backend} if "client" in takes else {}))
    return answer.status_code, json.loads(answer.get_body())


@pytest.fixture(params=[newer, earlier])
def made(request: pytest.FixtureRequest) -> Iterator[Simulation]:
    """A cluster whose documents another version writes from the first one on."""
    with simulation(SMALL) as found:
        written_by(found, request.param)
        yield found


def succeeded(made: Simulation, generation: int) -> None:
    result = made.result(generation)
    assert result is not None
    assert result.result == "succeeded", result.cause


def test_runs_and_a_removal_work_on_documents_of_another_version(made: Simulation) -> None:
    made.apply()
    made.engine.finish()
    succeeded(made, 1)
    made.apply()
    made.engine.finish()
    succeeded(made, 2)
    assert made.delete() is not None
    made.engine.finish()
    succeeded(made, 3)


def test_every_request_answers_on_documents_of_another_version(made: Simulation) -> None:
    made.apply()
    made.engine.finish()
    body = made.scenario.wanted.document()
    backend = Backend("COMPLETED")
    for handler in (
        clusters.list_clusters,
        clusters.get_cluster,
        clusters.get_events,
        clusters.get_timeline,
        clusters.get_operation,
    ):
        assert ask(handler, backend)[0] == 200, handler
    assert ask(clusters.get_cluster, backend)[1]["phases"]
    status, plan = ask(clusters.put_cluster, backend, body, plan="true")
    assert (status, {node["action"] for node in plan["nodes"]}) == (200, {"keep"})
    status, refused = ask(clusters.put_cluster, backend, body | {"etcd": {"count": 1}})
    assert (status, [fault["path"] for fault in refused["faults"]]) == (400, ["etcd.count"])
    assert ask(controllers.post_controller_start, backend)[0] in (200, 202)
    assert ask(controllers.post_controller_stop, backend)[0] in (200, 202)
    record = made.services.store.need_record("demo")[0]
    finding = check_login(made.services, record)  # type: ignore[arg-type]
    assert finding.name == "controller"


def test_a_run_in_progress_is_joined_shown_and_cancelled_on_documents_of_another_version(
    made: Simulation,
) -> None:
    made.apply()
    body = made.scenario.wanted.document()
    backend = Backend("RUNNING")
    assert ask(clusters.get_operation, backend)[0] == 202
    assert ask(clusters.get_cluster, backend)[1]["state"] == "running"
    assert ask(clusters.put_cluster, backend, body)[1]["joined"]
    assert ask(clusters.put_cluster, backend, body | {"zones": []})[0] == 409
    assert ask(clusters.cancel_cluster, backend)[0] == 202
    assert backend.raised == ["demo-000001"]


def test_a_version_that_does_not_know_fields_leaves_them_in_the_record() -> None:
    with simulation(SMALL) as made:
        made.apply()
        store = made.services.store
        ref = RunRef(cluster="demo", generation=1)
        name = "clusters/demo/record.json"
        blob, etag = made.services.store.blobs.read(name) or (b"", "")
        store.blobs.write(name, newer(blob), if_match=etag)
        made.engine.finish()
        succeeded(made, 1)
        record = json.loads((store.blobs.read(name) or (b"", ""))[0])
        assert record["laterField"] == LATER["laterField"]
        assert record["operation"]["laterField"] == LATER["laterField"]
        assert record["operation"]["finished"]
        assert record["spec"]["etcd"]["laterField"] == LATER["laterField"]
        warnings = [event.text for event in store.events(ref) if event.level == "warning"]
        assert any("etcd.laterField" in text for text in warnings)

        # The second version marks slots and what is built; this one applies the spec once more.
        blob, etag = store.blobs.read(name) or (b"", "")
        moved = json.loads(newer(blob))
        moved["access"]["controller_address"] = "192.0.2.1"
        store.blobs.write(name, json.dumps(moved).encode(), if_match=etag)
        made.apply()
        made.engine.finish()
        succeeded(made, 2)
        record = json.loads((store.blobs.read(name) or (b"", ""))[0])
        assert all(slot["laterField"] == LATER["laterField"] for slot in record["slots"])
        assert record["access"]["controller_address"] != "192.0.2.1"
        assert record["access"]["laterField"] == LATER["laterField"]
        assert record["built"]["workers"][0]["laterField"] == LATER["laterField"]
        assert record["laterField"] == LATER["laterField"]


def test_states_and_kinds_of_a_newer_version_are_shown_as_text() -> None:
    """No request fails, another spec is refused while the unknown run goes on, and a removal
    cancels it."""
    with simulation(SMALL) as made:
        made.apply()
        made.engine.finish()
        store, name = made.services.store, "clusters/demo/record.json"
        record = json.loads((store.blobs.read(name) or (b"", ""))[0])
        record |= {"state": "converting", "generation": 2}
        record["operation"] |= {
            "kind": "convert",
            "generation": 2,
            "instance_id": "demo-000002",
            "finished": False,
        }
        record["slots"][-1]["role"] = "gateway"
        store.blobs.write(name, json.dumps(record).encode())
        result = "clusters/demo/runs/000001/result.json"
        ended = json.loads((store.blobs.read(result) or (b"", ""))[0])
        ended["phases"][-1]["state"], ended["result"] = "skipped", "partial"
        store.blobs.write(result, json.dumps(ended).encode())

        backend = Backend("RUNNING", "demo-000001", "demo-000002")
        status, shown = ask(clusters.get_cluster, backend)
        assert (status, shown["state"], shown["kind"]) == (200, "converting", "convert")
        assert shown["nodes"][-1]["role"] == "gateway"
        assert ask(clusters.list_clusters, backend)[1]["clusters"][0]["state"] == "converting"
        assert ask(clusters.get_operation, backend)[0] == 424
        body = made.scenario.wanted.document()
        status, problem = ask(clusters.put_cluster, backend, body)
        assert (status, problem["operation"]) == (409, "/api/clusters/demo/operations/2")
        assert ask(clusters.remove_cluster, backend)[0] == 202
        assert backend.raised == ["demo-000002"]
        assert backend.instances[-1] == "demo-000003"


def test_the_list_shows_a_cluster_whose_record_cannot_be_read() -> None:
    with simulation(SMALL) as made:
        made.apply()
        made.engine.finish()
        made.services.store.blobs.write("clusters/odd/record.json", b'{"name": 5}')
        status, found = ask(clusters.list_clusters, Backend("COMPLETED"))
        assert status == 200
        assert [(c["name"], c["state"], c["cause"]) for c in found["clusters"]] == [
            ("demo", "ready", None),
            ("odd", "unreadable", "UnreadableDocument"),
        ]


@pytest.mark.parametrize(
    "handler",
    [
        clusters.get_cluster,
        clusters.get_events,
        clusters.get_timeline,
        clusters.get_operation,
        clusters.put_cluster,
        clusters.cancel_cluster,
        clusters.remove_cluster,
        controllers.post_controller_start,
        controllers.post_controller_stop,
    ],
)
def test_each_request_for_such_a_cluster_names_the_fields_and_changes_nothing(handler: Any) -> None:
    with simulation(SMALL) as made:
        blobs = made.services.store.blobs
        blobs.write("clusters/demo/record.json", b'{"name": "demo", "uid": "u", "generation": []}')
        before = dict(blobs.content)
        backend = Backend("COMPLETED")
        status, answer = ask(handler, backend, made.scenario.wanted.document())
        if handler is clusters.get_cluster:
            assert (status, answer["state"]) == (200, "unreadable")
            code, text = answer["cause"]["code"], answer["cause"]["message"]
        else:
            assert status == 409
            code, text = answer["code"], answer["detail"]
        assert code == "UnreadableDocument"
        assert "generation" in text
        assert "version of Slipway that wrote it" in text
        assert (blobs.content, backend.instances) == (before, ["demo-000001"])


def test_requests_answer_though_lines_and_entries_of_a_run_cannot_be_read() -> None:
    with simulation(SMALL) as made:
        made.apply()
        made.engine.finish()
        blobs, run = made.services.store.blobs, "clusters/demo/runs/000001/"
        lines = (blobs.read(run + "events.jsonl") or (b"", ""))[0]
        blobs.write(run + "events.jsonl", lines + b'{"seq":null}\n\xff\n')
        blobs.write(run + "checks.json", b'[{"name":5},{"name":"a","ok":true}]')
        blobs.write(run + "nodes.json", b'{"demo-etcd-0":5}')
        backend = Backend("COMPLETED")
        for handler in (clusters.get_timeline, clusters.get_operation):
            assert ask(handler, backend)[0] == 200, handler
        status, found = ask(clusters.get_events, backend)
        assert (status, found["events"][-2]["text"]) == (200, '{"seq":null}')
        status, found = ask(clusters.get_cluster, backend)
        assert (status, [check["name"] for check in found["checks"]]) == (200, ["a"])


ODD_STATUS: dict[str, Any] = {
    "phase": "playbook",
    "phases": [None, {"state": "done"}, {"name": "plan", "seconds": "x"}],
    "play": {"stage": "etcd", "done": None, "total": "many"},
    "nodes": {"ready": None},
}


@pytest.mark.parametrize(
    "status",
    [
        ODD_STATUS,
        ODD_STATUS | {"phase": "nodes", "play": 5, "phases": None},
        ODD_STATUS | {"phase": 5, "nodes": [], "play": {"stage": None}},
    ],
)
def test_a_cluster_is_shown_though_fields_of_its_spec_and_status_cannot_be_read(
    status: dict[str, Any],
) -> None:
    with installation() as app:
        spec = {"name": "demo", "location": None, "kubernetes": {"version": 5, "podCidr": "x"}}
        app.fill(spec=spec)
        app.status = status
        shown = show(clusters.get_cluster, app.client)
    assert shown["status"] == 200
    assert shown["body"]["spec"] == {"name": "demo", "kubernetes": {"podCidr": "x"}}
    if status is ODD_STATUS:
        assert shown["body"]["play"]["stage"] == "etcd"
        assert shown["body"]["play"]["done"] == 0
        assert [phase["name"] for phase in shown["body"]["phases"]] == ["plan"]
