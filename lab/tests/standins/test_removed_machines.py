"""The machines of removed nodes, by the real clients and templates against the ARM stand-in."""

import time
from collections import Counter

import pytest

from activities import delete_machines
from clients import services
from clients.azure.arm import ResourceGroups, Resources
from clients.azure.deployments import ENDED, Deployments, DeploymentState
from clients.services import Services
from clients.store import Store
from cluster.cloud_init import CloudInitNode, render_custom_data
from cluster.contracts import RunRef
from cluster.plan import Plan, make_plan
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from lab.simulation.clock import Clock
from lab.simulation.storage import Blobs
from lab.testing.standins import Azure
from planning.ownership import owner_of
from planning.templates import parameters, template

GROUP, KEY = "demo-rg", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtleQ=="
REF = RunRef(cluster="demo", generation=2)


def spec(*pools: tuple[str, int]) -> dict[str, object]:
    workers = [{"name": name, "count": count} for name, count in pools]
    return {"name": "demo", "etcd": {"count": 1}, "workers": workers}


def planned(*pools: tuple[str, int], record: ClusterRecord | None = None) -> Plan:
    base = record or ClusterRecord(name="demo", uid="0a1b2c3d", generation=1)
    return make_plan(parse_spec(spec(*pools)), base, [slot.name for slot in base.slots])


def built(plan: Plan) -> ClusterRecord:
    """The record after the plan's machines were made."""
    subnets = {pool.name: plan.subnets[pool.name] for pool in plan.spec.workers}
    return ClusterRecord(
        name="demo",
        uid=plan.uid,
        generation=2,
        built=plan.spec.document(),
        slots=plan.slots,
        subnets=subnets,
    )


@pytest.fixture
def made(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> Services:
    found = Services(azure.settings)
    found.__dict__["store"] = Store(Blobs(Clock(), Counter()))  # type: ignore[arg-type]
    monkeypatch.setattr(services, "_services", lambda: found)
    ResourceGroups(azure.settings).create(GROUP, "westeurope", {})
    return found


def deploy(azure: Azure, plan: Plan, part: str, name: str) -> DeploymentState:
    deployment = next(one for one in plan.deployments if one.part == part)
    data = {node: custom_data(plan, node) for node in deployment.nodes}
    given = parameters(deployment, owner_of(plan), KEY, data)
    deployments = Deployments(azure.settings)
    deployments.start(GROUP, name, template(deployment.template), given)
    for _ in range(400):
        found = deployments.get(GROUP, name)
        if found is not None and found.state in ENDED:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{name} did not end")


def custom_data(plan: Plan, node: str) -> str:
    slot = plan.slot(node)
    return render_custom_data(
        CloudInitNode(
            cluster="demo",
            name=node,
            role=slot.role,
            address=slot.address,
            host_key_private="-----BEGIN OPENSSH PRIVATE KEY-----\n",
            host_key_public=KEY,
            apt_mirror=None,
            http_proxy=None,
            https_proxy=None,
            no_proxy="",
            trusted=(),
        )
    )


def removed(made: Services, plan: Plan, *nodes: str) -> None:
    """Deletes the machines of these nodes, to the end."""
    made.store.keep_plan(REF, plan)
    made.store.add_emptied_nodes(REF, nodes)
    for _ in range(200):
        answer = delete_machines(payload=REF.model_dump())
        assert answer["state"] != "refused", answer
        if answer["state"] == "done":
            return
        time.sleep(0.02)
    raise AssertionError("not done")


def left(azure: Azure, having: str) -> set[str]:
    return {one.name for one in Resources(azure.settings).list(GROUP) if having in one.name}


@pytest.fixture
def workers(azure: Azure, made: Services) -> Plan:
    """The network and two workers."""
    plan = planned(("worker", 2))
    for part in ("network", "worker-0"):
        assert deploy(azure, plan, part, f"demo-{part}-000001").state == "Succeeded"
    return plan


def parts(*names: str) -> set[str]:
    return {part for name in names for part in (name, f"{name}-nic", f"{name}-os")}


def test_a_removed_node_loses_its_vm_its_interface_and_its_disk_and_no_other_does(
    azure: Azure, made: Services, workers: Plan
) -> None:
    assert left(azure, "demo-worker-") >= parts("demo-worker-0", "demo-worker-1")
    removed(made, planned(("worker", 1), record=built(workers)), "demo-worker-1")
    assert left(azure, "demo-worker-1") == set()
    assert left(azure, "demo-worker-0") == parts("demo-worker-0")
    assert left(azure, "avset") == {"demo-worker-avset"}


def test_a_pool_that_is_left_out_loses_its_set_and_keeps_its_subnet(
    azure: Azure, made: Services, workers: Plan
) -> None:
    plan = planned(record=built(workers))
    assert deploy(azure, plan, "network", "demo-network-000002").state == "Succeeded"
    removed(made, plan, "demo-worker-0", "demo-worker-1")
    assert left(azure, "demo-worker-") == {"demo-worker-nsg"}
    record = built(workers).model_copy(update={"slots": plan.slots})
    other = planned(("other", 1), record=record)
    assert other.subnets["other"] != workers.subnets["worker"]
    for part in ("network", "other-0"):
        assert deploy(azure, other, part, f"demo-{part}-000003").state == "Succeeded"
    again = planned(("worker", 1), record=record)
    assert again.subnets["worker"] == workers.subnets["worker"]
    for part in ("network", "worker-0"):
        assert deploy(azure, again, part, f"demo-{part}-000004").state == "Succeeded"
