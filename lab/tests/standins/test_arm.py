"""The ARM stand-in through the real SDK clients: accepted, running, done, refused, repeated."""

import base64
import json
import time
from typing import Any

import pytest

from clients.azure.arm import Deployments, DeploymentState, ResourceGroups, Resources
from clients.azure.compute import Compute
from clients.errors import Refused, Transient
from cluster import keys
from cluster.ownership import Owner
from cluster.plan import Plan, make_plan
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from lab.arm.state import ArmState
from planning.templates import parameters, template

GROUP = "Demo-RG"
# That of the settings of these tests, which name no storage account.
INSTALLATION = "unknown/slipway"
DATA = base64.b64encode(b"#cloud-config\n").decode()


@pytest.fixture
def plan() -> Plan:
    spec = parse_spec({"name": "demo", "resourceGroup": GROUP, "etcd": {"count": 1}})
    return make_plan(spec, ClusterRecord(name="demo", uid="u", generation=1), [])


@pytest.fixture(scope="module")
def public_key() -> str:
    return keys.public_half(keys.new_ssh_key())


def owner_of(plan: Plan) -> Owner:
    return Owner(plan.cluster, plan.uid, INSTALLATION)


def values(plan: Plan, part: str, public_key: str, data: str = DATA) -> tuple[Any, Any]:
    planned = next(d for d in plan.deployments if d.part == part)
    custom = dict.fromkeys(planned.nodes, data)
    return template(planned.template), parameters(planned, owner_of(plan), public_key, custom)


def finish(deployments: Deployments, name: str) -> DeploymentState:
    for _ in range(200):
        found = deployments.get(GROUP, name)
        assert found is not None
        if found.state not in ("Accepted", "Running"):
            return found
        time.sleep(0.05)
    raise AssertionError("the deployment never ended")


def deploy(azure: Any, plan: Plan, public_key: str, *parts: str, round_: int = 1) -> None:
    deployments = Deployments(azure.settings)
    if not ResourceGroups(azure.settings).exists(GROUP):
        ResourceGroups(azure.settings).create(GROUP, "westeurope", {})
    for part in parts:
        deployments.start(GROUP, f"{part}-{round_}", *values(plan, part, public_key))
        found = finish(deployments, f"{part}-{round_}")
        assert found.state == "Succeeded", found.error


PARTS = ("network", "controller", "control-plane-0", "etcd-0", "worker-0")


def test_the_projects_templates_become_machines_and_a_network(
    azure: Any, plan: Plan, public_key: str
) -> None:
    deploy(azure, plan, public_key, *PARTS)
    made = {spec.hostname: spec for spec in azure.fabric.machines.values()}
    assert sorted(made) == sorted(slot.name for slot in plan.slots)
    for slot in plan.slots:
        assert made[slot.name].address == slot.address
        assert made[slot.name].custom_data == b"#cloud-config\n"
        assert made[slot.name].ssh_public_keys == (public_key,)
    assert [disk.lun for disk in made["demo-etcd-0"].data_disks] == [0]
    assert made["demo-controller"].vm_size == "Standard_B2s_v2"
    (network,) = azure.fabric.networks[-1].networks
    assert {s.cidr for s in network.subnets} == set(plan.subnets.values())
    assert all(s.rules[-1].name == "DenyAllInbound" for s in network.subnets)
    (balancer,) = network.balancers
    assert balancer.frontend == plan.api_address
    assert balancer.backends == ("10.0.1.4",)
    found = Deployments(azure.settings).get(GROUP.lower(), "network-1")
    assert found is not None
    assert found.outputs["controllerPublicAddress"].startswith("198.18.0.")


def test_a_public_frontend_leads_to_the_same_machines_by_its_own_address(
    azure: Any, public_key: str
) -> None:
    sources = {"allowedSources": ["203.0.113.7/32"]}
    spec = parse_spec(
        {"name": "demo", "resourceGroup": GROUP, "controlPlane": {"publicApi": sources}}
    )
    wanted = make_plan(spec, ClusterRecord(name="demo", uid="u", generation=1), [])
    deploy(azure, wanted, public_key, "network", "control-plane-0")
    (network,) = azure.fabric.networks[-1].networks
    inner, outer = sorted(network.balancers, key=lambda found: found.frontend)
    assert inner.frontend == wanted.api_address
    found = Deployments(azure.settings).get(GROUP, "network-1")
    assert found is not None
    assert outer.frontend == found.outputs["apiPublicAddress"]
    assert outer.frontend.startswith("198.18.0.")
    assert (outer.backends, outer.port) == (("10.0.1.4",), 6443) == (inner.backends, inner.port)
    assert (outer.probe_protocol, outer.probe_path) == ("Tcp", None)
    made = len(azure.fabric.networks)
    deploy(azure, wanted, public_key, "network", "control-plane-0", round_=2)
    assert len(azure.fabric.networks) == made


def test_a_machine_behind_two_balancers_of_one_kind_is_refused(
    azure: Any, plan: Plan, public_key: str
) -> None:
    deploy(azure, plan, public_key, "network")
    body, given = values(plan, "network", public_key)
    more = json.loads(json.dumps(body).replace("{0}-api'", "{0}-second'"))
    given["apiAddress"] = {"value": "10.0.1.253"}
    Deployments(azure.settings).start(GROUP, "more", more, given)
    assert finish(Deployments(azure.settings), "more").state == "Succeeded"
    body, given = values(plan, "control-plane-0", public_key)
    body = json.loads(json.dumps(body))
    body["variables"]["publicBackendPool"] = body["variables"]["backendPool"].replace(
        "{0}-api'", "{0}-second'"
    )
    Deployments(azure.settings).start(GROUP, "cp", body, given)
    found = finish(Deployments(azure.settings), "cp")
    assert found.error is not None
    assert found.error.code == "NetworkInterfaceUsesMultipleLoadBalancersOfSameType"


def test_the_same_deployment_twice_changes_nothing(azure: Any, plan: Plan, public_key: str) -> None:
    deploy(azure, plan, public_key, *PARTS)
    networks, machines = len(azure.fabric.networks), dict(azure.fabric.machines)
    deploy(azure, plan, public_key, *PARTS, round_=2)
    assert len(azure.fabric.networks) == networks
    assert azure.fabric.machines == machines


def test_custom_data_cannot_change(azure: Any, plan: Plan, public_key: str) -> None:
    deploy(azure, plan, public_key, "network", "controller")
    deployments = Deployments(azure.settings)
    other = base64.b64encode(b"#cloud-config\nx: 1\n").decode()
    deployments.start(GROUP, "again", *values(plan, "controller", public_key, other))
    found = finish(deployments, "again")
    assert found.state == "Failed"
    assert found.error is not None
    assert found.error.code == "PropertyChangeNotAllowed"


def test_secure_parameters_are_not_echoed_and_not_returned(
    azure: Any, plan: Plan, public_key: str
) -> None:
    deploy(azure, plan, public_key, "network", "controller")
    key = f"/subscriptions/{azure.settings.subscription_id}/resourcegroups/{GROUP.lower()}"
    record = azure.facade.arm.state.deployments[
        f"{key}/providers/microsoft.resources/deployments/controller-1"
    ]
    assert record["properties"]["parameters"]["customData"] == {"type": "SecureObject"}


def test_a_failure_names_its_root_cause_through_the_nested_json(
    azure: Any, plan: Plan, public_key: str
) -> None:
    deploy(azure, plan, public_key, "network")
    azure.facade.arm.faults.change({"fail": {"demo-worker-1": "AllocationFailed"}})
    deployments = Deployments(azure.settings)
    deployments.start(GROUP, "w", *values(plan, "worker-0", public_key))
    found = finish(deployments, "w")
    assert found.state == "Failed"
    assert found.error is not None
    assert found.error.code == "AllocationFailed"
    assert "demo-worker-1" in found.error.message


def test_a_running_deployment_is_found_and_can_be_cancelled(
    azure: Any, plan: Plan, public_key: str
) -> None:
    deploy(azure, plan, public_key, "network")
    azure.facade.arm.faults.change({"delay": 0.5})
    deployments = Deployments(azure.settings)
    deployments.start(GROUP, "w", *values(plan, "worker-0", public_key))
    deployments.start(GROUP, "w", *values(plan, "worker-0", public_key))
    deployments.cancel(GROUP, "w")
    assert finish(deployments, "w").state == "Canceled"


def broken(change: Any) -> dict[str, Any]:
    body = json.loads(json.dumps(template("network")))
    change(body)
    return body


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t["variables"].update(x="[nonsense('a')]", y="[variables('x')]"), "nonsense"),
        (lambda t: t["resources"][-1].update(type="Microsoft.Network/nothing"), "not known"),
        (lambda t: t["resources"][0].update(apiVersion="2019-01-01"), "api-versions"),
        (lambda t: t["resources"][0].update(color="red"), "not a property"),
        (lambda t: t["resources"][-1].update(name="[nonsense('a')]"), "nonsense"),
        (lambda t: t["resources"][0].update(dependsOn=["nobody"]), "not defined"),
        (lambda t: t["resources"][0].update(location="[parameters('nobody')]"), "not found"),
        (lambda t: t["parameters"].update(more={"type": "string"}), "not provided"),
        (lambda t: t["parameters"]["clusterName"].update(maxLength=1), "maxLength"),
    ],
)
def test_a_wrong_template_is_refused_before_anything_is_made(
    azure: Any, plan: Plan, change: Any, message: str
) -> None:
    ResourceGroups(azure.settings).create(GROUP, "westeurope", {})
    _, given = values(plan, "network", "")
    errors = Deployments(azure.settings).validate(GROUP, broken(change), given)
    assert errors
    assert message in errors[0].message
    assert azure.fabric.networks == []


def test_a_group_that_does_not_exist_is_validated_by_a_wrapper(azure: Any, plan: Plan) -> None:
    deployments = Deployments(azure.settings)
    body, given = values(plan, "network", "")
    assert deployments.validate_new_group("westeurope", GROUP, body, given) == []
    wrong = broken(lambda t: t["resources"][-1].update(type="Microsoft.Network/nothing"))
    assert deployments.validate_new_group("westeurope", GROUP, wrong, given)
    assert not ResourceGroups(azure.settings).exists(GROUP)


def test_throttling_is_reported_with_its_time(azure: Any) -> None:
    azure.facade.arm.faults.change({"throttle": 50})
    with pytest.raises(Transient) as told:
        ResourceGroups(azure.settings).get(GROUP)
    assert told.value.retry_after == 1


def test_without_a_token_nothing_is_answered(azure: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(azure.facade.identity, "accepts", lambda *_: False)
    with pytest.raises(Refused):
        ResourceGroups(azure.settings).get(GROUP)


def test_quota_and_sizes_are_readable(azure: Any, plan: Plan, public_key: str) -> None:
    compute = Compute(azure.settings)
    azure.facade.arm.faults.change({"restricted": ["Standard_D4s_v5"], "quota": {"cores": 10}})
    offer = compute.offer("westeurope")
    assert offer.sizes["Standard_D4s_v5"].restrictions == ("NotAvailableForSubscription",)
    assert offer.sizes["Standard_D2s_v5"].vcpus == 2
    assert offer.fault_domains == 3
    assert compute.usages("westeurope")["cores"].limit == 10


def test_power_is_asked_for_and_changed(azure: Any, plan: Plan, public_key: str) -> None:
    deploy(azure, plan, public_key, "network", "controller")
    compute = Compute(azure.settings)
    name = "demo-controller"

    def power() -> str:
        found = compute.vm(GROUP, name)
        assert found is not None
        return found.power_state

    assert power() == "running"
    compute.deallocate(GROUP, name)
    for _ in range(50):
        if power() == "deallocated":
            break
        time.sleep(0.02)
    assert power() == "deallocated"
    assert [vm.name for vm in compute.vms(GROUP)] == [name]
    assert compute.vm(GROUP, "nobody") is None


def test_a_cluster_in_a_found_group_is_removed_by_its_tag_and_the_rest_stays(
    azure: Any, plan: Plan, public_key: str
) -> None:
    deploy(azure, plan, public_key, *PARTS)
    resources = Resources(azure.settings)
    ours = resources.list(GROUP)
    assert len(ours) > 10
    assert all(owner_of(plan).owns(one.tags) for one in ours)
    network = next(r for r in ours if r.type.lower().endswith("/virtualnetworks"))
    with pytest.raises(Refused):
        resources.begin_delete(network.id)  # in use
    machine = next(r for r in ours if r.type.lower().endswith("/virtualmachines"))
    resources.begin_delete(machine.id)
    for _ in range(100):
        if machine.name not in [spec.hostname for spec in azure.fabric.machines.values()]:
            break
        time.sleep(0.02)
    assert machine.name not in [spec.hostname for spec in azure.fabric.machines.values()]


def test_resources_outlive_the_service(azure: Any, plan: Plan, public_key: str) -> None:
    deploy(azure, plan, public_key, "network")
    again = ArmState(azure.facade.arm.state._path)
    assert set(again.resources) == set(azure.facade.arm.state.resources)


def test_a_removed_group_takes_its_machines_along(azure: Any, plan: Plan, public_key: str) -> None:
    deploy(azure, plan, public_key, *PARTS)
    groups = ResourceGroups(azure.settings)
    groups.begin_delete(GROUP)
    for _ in range(100):
        if not groups.exists(GROUP):
            break
        time.sleep(0.02)
    assert azure.fabric.machines == {}
    assert azure.fabric.networks[-1].networks == ()
