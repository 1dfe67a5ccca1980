"""Where machines land, zones or availability set, and how many fit into one deployment."""

import json
from typing import Any

import pytest

from tests.arm.deployments import (
    TEMPLATES,
    complete,
    deploy,
    of_type,
    outputs,
    plan,
    properties,
    run,
)

MACHINES = "Microsoft.Compute/virtualMachines"
DISKS = "Microsoft.Compute/disks"
SETS = "Microsoft.Compute/availabilitySets"
INTERFACES = "Microsoft.Network/networkInterfaces"
NOTHING = dict[str, Any]().get
ARM_RESOURCES, ARM_BYTES, CUSTOM_DATA_BYTES = 800, 4 * 1024 * 1024, 25 * 1024


def test_without_zones_a_pool_has_an_availability_set() -> None:
    evaluation = deploy(plan(), "etcd-0")
    [found] = of_type(evaluation, SETS).values()
    assert found.name == "demo-etcd-avset"
    assert found.body["sku"] == {"name": "Aligned"}
    assert properties(found) == {"platformFaultDomainCount": 2, "platformUpdateDomainCount": 5}
    for machine in of_type(evaluation, MACHINES).values():
        assert properties(machine)["availabilitySet"] == {"id": found.id}
        assert found.id.lower() in machine.depends_on
        assert "zones" not in machine.body


def test_zones_are_taken_in_turn_by_a_nodes_index_and_its_disk_follows() -> None:
    evaluation = deploy(plan(etcd={"count": 5}, zones=["1", "3"]), "etcd-0")
    assert of_type(evaluation, SETS) == {}
    machines, disks = of_type(evaluation, MACHINES), of_type(evaluation, DISKS)
    zones = {name: machine.body["zones"] for name, machine in machines.items()}
    assert [zones[f"demo-etcd-{index}"] for index in range(5)] == [
        ["1"],
        ["3"],
        ["1"],
        ["3"],
        ["1"],
    ]
    for name, machine in machines.items():
        assert "availabilitySet" not in properties(machine)
        assert disks[f"{name}-data-0"].body["zones"] == machine.body["zones"]


def test_a_node_that_is_made_again_keeps_its_zone() -> None:
    zones = ["1", "2", "3"]
    whole = of_type(deploy(plan(etcd={"count": 3}, zones=zones), "etcd-0"), MACHINES)
    rest = plan(existing=("demo-etcd-0",), etcd={"count": 3}, zones=zones)
    again = of_type(deploy(rest, "etcd-0"), MACHINES)
    assert set(again) == {"demo-etcd-1", "demo-etcd-2"}
    for name, machine in again.items():
        assert machine.body["zones"] == whole[name].body["zones"]


def test_the_controller_takes_the_first_zone() -> None:
    [machine] = of_type(deploy(plan(zones=["2", "3"]), "controller"), MACHINES).values()
    assert machine.body["zones"] == ["2"]
    [machine] = of_type(deploy(plan(), "controller"), MACHINES).values()
    assert "zones" not in machine.body


@pytest.mark.parametrize("zones", [[], ["1", "2", "3"]])
def test_a_hundred_nodes_fit_into_one_deployment(zones: list[str]) -> None:
    wanted = plan(workers=[{"name": "worker", "count": 100}], zones=zones)
    [deployment] = [d for d in wanted.deployments if d.part.startswith("worker-")]
    parameters = complete(deployment, custom_data="x" * CUSTOM_DATA_BYTES) | {"dataDiskGiB": 32}
    template = (TEMPLATES / "nodes.json").read_text()
    assert len(json.dumps(parameters)) + len(template) < ARM_BYTES
    evaluation = run("nodes", parameters)
    assert len(of_type(evaluation, MACHINES)) == len(of_type(evaluation, DISKS)) == 100
    assert len(evaluation.resources) <= ARM_RESOURCES
    assert len({resource.id.lower() for resource in evaluation.resources}) == len(
        evaluation.resources
    )


def test_an_empty_pool_is_a_deployment_without_machines() -> None:
    for zones in ([], ["1"]):
        evaluation = deploy(plan(zones=zones), "etcd-0", nodes=[], customData={})
        assert of_type(evaluation, MACHINES) == of_type(evaluation, INTERFACES) == {}
        assert outputs(evaluation, NOTHING) == {"nodeNames": []}
