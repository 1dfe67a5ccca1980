"""The controller's VM, through the real compute client: started once, deallocated, left
unchanged."""

import json
from typing import Any

import azure.functions as func
import pytest

from clients import services
from clients.azure.arm import Deployments
from clients.services import Services
from clients.store import Store
from cluster import names
from cluster.contracts import RunRef
from cluster.plan import Plan, make_plan
from cluster.record import Access, ClaimedOperation, ClusterRecord
from cluster.roles import CONTROLLER
from cluster.spec_rules import parse_spec
from lab.tests.standins.test_arm import deploy, finish, values
from runs.deployed_networks import LOOKED_AT
from triggers.controllers import post_controller_start, post_controller_stop

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample"
NODE_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOther"
GROUP, VM = "Demo-RG", "demo-rg/demo-controller"
SPEC = {"name": "demo", "resourceGroup": GROUP, "etcd": {"count": 1}}


class MemoryStore(Store):
    """The record, and the public halves of the keys."""

    def __init__(self, record: ClusterRecord) -> None:
        self.value: ClusterRecord | None = record

    def record(self, cluster: str) -> tuple[ClusterRecord, str] | None:
        return (self.value, "etag") if self.value else None

    def plan(self, ref: RunRef) -> Plan | None:
        return None

    def public_keys(self, cluster: str) -> dict[str, str]:
        return {"demo-controller": KEY, "demo-etcd-0": NODE_KEY}


class App:
    """The two handlers, over the ARM stand-in with a cluster's network and controller in it."""

    def __init__(self, azure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = parse_spec(SPEC)
        record = ClusterRecord(name="demo", uid="abc", generation=1, state="ready", group=GROUP)
        plan = make_plan(spec, record, [])
        deploy(azure, plan, KEY, "network", CONTROLLER)
        self.store = MemoryStore(
            record.model_copy(
                update={
                    "spec": spec.model_dump(mode="json", by_alias=True),
                    "slots": plan.slots,
                    "access": Access(kubeconfig="k", controller_address="203.0.113.8"),
                }
            )
        )
        name = names.deployment_name("demo", names.NETWORK, 1)
        deployments = Deployments(azure.settings)
        deployments.start(GROUP, name, *values(plan, "network", KEY))
        assert finish(deployments, name).state == "Succeeded"
        self.fabric = azure.fabric
        found = Services(azure.settings)
        found.__dict__["store"] = self.store
        monkeypatch.setattr(services, "_services", lambda: found)

    def change(self, **fields: Any) -> None:
        assert self.store.value
        self.store.value = self.store.value.model_copy(update=fields)

    def post(self, handler: Any, query: str = "") -> tuple[int, dict[str, Any]]:
        request = func.HttpRequest("POST", f"/{query}", route_params={"name": "demo"}, body=b"")
        answer = handler(request)
        return answer.status_code, json.loads(answer.get_body())

    def until(self, handler: Any) -> dict[str, Any]:
        for _ in range(100):
            status, body = self.post(handler)
            if status == 200:
                return body
            assert status == 202
        raise AssertionError("it never got there")


@pytest.fixture
def app(azure: Any, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(azure, monkeypatch)


def test_a_running_controller_is_reported_with_the_way_through_it(app: App) -> None:
    status, body = app.post(post_controller_start)
    assert status == 200
    assert body == {
        "name": "demo",
        "state": "running",
        "controller": "demo-controller",
        "started": False,
        "ssh": {
            "host": "203.0.113.8",
            "port": 22,
            "user": "slipway",
            "hostKey": KEY,
            "keySecret": "demo-abc-ssh-key",
            "vault": "https://slipway-test.vault.azure.net",
        },
        "api": {"host": "10.0.1.254", "port": 6443},
        "node": None,
    }


def test_a_node_is_named_with_the_host_key_that_it_must_show(app: App) -> None:
    status, body = app.post(post_controller_start, "?node=demo-etcd-0")
    assert (status, body["node"]) == (
        200,
        {"name": "demo-etcd-0", "host": "10.0.2.4", "hostKey": NODE_KEY},
    )


def test_a_node_that_is_not_the_clusters_is_refused_before_anything_starts(app: App) -> None:
    app.until(post_controller_stop)
    status, body = app.post(post_controller_start, "?node=other-etcd-0")
    assert status == 404
    assert "demo-etcd-0" in body["faults"][0]["allowed"]
    assert VM in app.fabric.stopped


def test_it_is_deallocated_and_started_again_and_only_one_request_started_it(app: App) -> None:
    assert app.until(post_controller_stop)["state"] == "deallocated"
    assert VM in app.fabric.stopped
    assert app.post(post_controller_stop)[0] == 200
    status, body = app.post(post_controller_start)
    assert (status, body["started"], body["state"]) == (202, True, "starting")
    assert not app.until(post_controller_start)["started"]
    assert VM not in app.fabric.stopped


def test_it_is_not_taken_from_a_running_operation(app: App) -> None:
    busy = ClaimedOperation(
        generation=2, kind="reconcile", instance_id="demo-000002", started_at="now"
    )
    app.change(operation=busy)
    status, body = app.post(post_controller_stop)
    assert (status, body["operation"]) == (409, "/api/clusters/demo/operations/2")
    assert app.fabric.stopped == set()
    app.change(operation=busy.model_copy(update={"finished": True}))
    assert app.until(post_controller_stop)["state"] == "deallocated"


def test_one_that_the_spec_keeps_is_left_running(app: App) -> None:
    kept = parse_spec(SPEC | {"controller": {"keep": True}})
    app.change(spec=kept.model_dump(mode="json", by_alias=True))
    status, body = app.post(post_controller_stop)
    assert status == 409
    assert "controller.keep" in body["detail"]
    assert app.fabric.stopped == set()


@pytest.mark.parametrize(
    ("change", "title"),
    [
        ({"access": None}, "there is no API to reach"),
        ({"state": "deleting"}, "'demo' is being removed"),
    ],
)
def test_without_an_api_none_is_started_for_a_tunnel(
    app: App, change: dict[str, Any], title: str
) -> None:
    app.until(post_controller_stop)
    app.change(**change)
    status, body = app.post(post_controller_start)
    assert (status, body["title"]) == (409, title)
    assert VM in app.fabric.stopped


@pytest.mark.parametrize("node", ["demo-controller", "demo-etcd-0"])
@pytest.mark.parametrize("generation", [1, 3])
def test_before_there_is_an_api_its_machines_are_reached(
    app: App, node: str, generation: int
) -> None:
    """Also if later operations failed before they deployed the network."""
    app.change(access=None, generation=generation)
    status, body = app.post(post_controller_start, f"?node={node}")
    assert (status, body["node"]["name"]) == (200, node)
    assert body["ssh"]["host"].startswith("198.18.0.")


def test_before_the_network_is_deployed_the_controller_has_no_address(app: App) -> None:
    app.change(access=None, generation=LOOKED_AT + 1)  # of the last ones, none got that far
    status, body = app.post(post_controller_start, "?node=demo-etcd-0")
    assert (status, body["title"]) == (409, "demo-controller has no public address yet")


def test_a_cluster_that_is_being_removed_is_entered_by_nobody(app: App) -> None:
    app.change(state="deleting")
    status, _ = app.post(post_controller_start, "?node=demo-etcd-0")
    assert (status, app.fabric.stopped) == (409, set())


def test_a_controller_that_is_gone_is_reported_with_the_next_step(app: App) -> None:
    app.change(group="elsewhere")
    status, body = app.post(post_controller_start)
    assert status == 409
    assert "send the same spec again" in body["detail"]
    app.change(slots=())
    assert app.post(post_controller_stop)[0] == 409
    app.store.value = None
    assert app.post(post_controller_start)[0] == 404


def test_a_vm_of_that_name_that_is_not_ours_is_neither_started_nor_stopped(app: App) -> None:
    """As after a launch that was refused since another installation has such a cluster."""
    app.change(uid="ffffffff")
    for handler in (post_controller_stop, post_controller_start):
        status, body = app.post(handler)
        assert (status, body["code"]) == (502, "ResourceOwnedByAnother")
    assert app.fabric.stopped == set()
