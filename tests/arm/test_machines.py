"""controller.json and nodes.json evaluated: names, addresses, disks, zones, limits."""

from typing import Any

import pytest

from cluster.plan import Plan
from lab.testing.templates import ArmError, Evaluation
from tests.arm.deployments import (
    OWNER,
    PREFIX,
    PUBLIC_KEY,
    deploy,
    of_type,
    outputs,
    plan,
    properties,
)

MACHINES = "Microsoft.Compute/virtualMachines"
DISKS = "Microsoft.Compute/disks"
INTERFACES = "Microsoft.Network/networkInterfaces"
NOTHING = dict[str, Any]().get


def address(evaluation: Evaluation, node: str) -> Any:
    """The IP configuration of that node's interface."""
    interface = of_type(evaluation, INTERFACES)[f"{node}-nic"]
    return properties(interface)["ipConfigurations"][0]["properties"]


def parts(wanted: Plan) -> list[str]:
    return [deployment.part for deployment in wanted.deployments if deployment.nodes]


def test_every_planned_node_becomes_a_machine_with_its_own_address_and_first_boot() -> None:
    wanted = plan(etcd={"count": 3}, controlPlane={"count": 3})
    made = {}
    for part in parts(wanted):
        evaluation = deploy(wanted, part)
        for name, machine in of_type(evaluation, MACHINES).items():
            interface = f"{PREFIX}{INTERFACES}/{name}-nic"
            assert properties(machine)["networkProfile"]["networkInterfaces"][0]["id"] == interface
            assert interface.lower() in machine.depends_on
            profile = properties(machine)["osProfile"]
            assert profile["computerName"] == name
            assert profile["customData"].endswith(name)
            assert profile["linuxConfiguration"]["ssh"]["publicKeys"] == [
                {"path": "/home/slipway/.ssh/authorized_keys", "keyData": PUBLIC_KEY}
            ]
            assert address(evaluation, name)["privateIPAllocationMethod"] == "Static"
            made[name] = address(evaluation, name)["privateIPAddress"]
    assert made == {slot.name: slot.address for slot in wanted.slots}


def test_a_node_is_in_its_pools_subnet() -> None:
    wanted = plan(workers=[{"name": "small", "count": 1}])
    subnet = f"{PREFIX}Microsoft.Network/virtualNetworks/demo-vnet/subnets"
    for part, node, name in (
        ("controller", "demo-controller", "controller"),
        ("small-0", "demo-small-0", "small"),
        ("etcd-0", "demo-etcd-0", "etcd"),
    ):
        assert address(deploy(wanted, part), node)["subnet"] == {"id": f"{subnet}/{name}"}


def test_only_the_controller_has_a_public_address() -> None:
    wanted = plan()
    public = {
        name: properties(interface)["ipConfigurations"][0]["properties"].get("publicIPAddress")
        for part in parts(wanted)
        for name, interface in of_type(deploy(wanted, part), INTERFACES).items()
    }
    assert public.pop("demo-controller-nic") == {
        "id": f"{PREFIX}Microsoft.Network/publicIPAddresses/demo-controller-ip"
    }
    assert set(public.values()) == {None}


def test_only_control_planes_stand_behind_the_balancer() -> None:
    wanted = plan(controlPlane={"count": 1})
    pools = {
        name: properties(interface)["ipConfigurations"][0]["properties"].get(
            "loadBalancerBackendAddressPools", []
        )
        for part in parts(wanted)
        for name, interface in of_type(deploy(wanted, part), INTERFACES).items()
    }
    balancer = f"{PREFIX}Microsoft.Network/loadBalancers/demo-api"
    assert pools.pop("demo-control-plane-0-nic") == [
        {"id": f"{balancer}/backendAddressPools/control-plane"}
    ]
    assert list(pools.values()) == [[]] * len(pools)


def test_with_a_public_frontend_they_stand_behind_one_balancer_of_each_kind() -> None:
    wanted = plan(controlPlane={"publicApi": {"allowedSources": ["203.0.113.7/32"]}})
    own = of_type(deploy(wanted, "control-plane-0"), INTERFACES)["demo-control-plane-0-nic"]
    pools = properties(own)["ipConfigurations"][0]["properties"]["loadBalancerBackendAddressPools"]
    balancers = f"{PREFIX}Microsoft.Network/loadBalancers"
    assert [pool["id"] for pool in pools] == [
        f"{balancers}/{name}/backendAddressPools/control-plane"
        for name in ("demo-api", "demo-api-public")
    ]
    worker = of_type(deploy(wanted, "worker-0"), INTERFACES)["demo-worker-0-nic"]
    assert "api" not in str(properties(worker))


def test_sizes_and_disks_are_the_specs() -> None:
    wanted = plan(
        controller={"vmSize": "Standard_D2s_v5"},
        workers=[{"name": "large", "count": 1, "vmSize": "Standard_D8s_v5", "osDiskGiB": 128}],
    )
    sizes = {}
    for part in ("controller", "large-0"):
        for name, machine in of_type(deploy(wanted, part), MACHINES).items():
            system = properties(machine)["storageProfile"]["osDisk"]
            assert system["name"] == f"{name}-os"
            size = properties(machine)["hardwareProfile"]["vmSize"]
            sizes[name] = (size, system["diskSizeGB"])
    assert sizes == {
        "demo-controller": ("Standard_D2s_v5", 32),
        "demo-large-0": ("Standard_D8s_v5", 128),
    }


def test_etcd_has_a_data_disk_at_lun_0_that_outlives_its_machine() -> None:
    evaluation = deploy(plan(etcd={"count": 3, "dataDiskGiB": 64}), "etcd-0")
    disks = of_type(evaluation, DISKS)
    assert set(disks) == {f"demo-etcd-{index}-data-0" for index in range(3)}
    for name, machine in of_type(evaluation, MACHINES).items():
        disk = disks[f"{name}-data-0"]
        assert properties(disk)["diskSizeGB"] == 64
        assert properties(machine)["storageProfile"]["dataDisks"] == [
            {
                "lun": 0,
                "createOption": "Attach",
                "caching": "None",
                "deleteOption": "Detach",
                "managedDisk": {"id": disk.id},
            }
        ]
        assert disk.id.lower() in machine.depends_on


def test_a_pool_without_data_disks_has_none() -> None:
    evaluation = deploy(plan(), "control-plane-0")
    assert of_type(evaluation, DISKS) == {}
    for machine in of_type(evaluation, MACHINES).values():
        assert properties(machine)["storageProfile"].get("dataDisks", []) == []


@pytest.mark.parametrize("part", ["controller", "etcd-0"])
def test_machines_boot_measured_unless_that_is_switched_off(part: str) -> None:
    for machine in of_type(deploy(plan(), part), MACHINES).values():
        assert properties(machine)["securityProfile"] == {
            "securityType": "TrustedLaunch",
            "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
        }
    for machine in of_type(deploy(plan(), part, trustedLaunch=False), MACHINES).values():
        assert "securityProfile" not in properties(machine)


@pytest.mark.parametrize("part", ["controller", "etcd-0"])
def test_the_image_is_pinned_to_the_specs_version(part: str) -> None:
    evaluation = deploy(plan(image={"version": "0.20260914.2601"}), part)
    for machine in of_type(evaluation, MACHINES).values():
        assert properties(machine)["storageProfile"]["imageReference"] == {
            "publisher": "Debian",
            "offer": "debian-13",
            "sku": "13-gen2",
            "version": "0.20260914.2601",
        }


def test_a_node_without_its_first_boot_is_refused() -> None:
    with pytest.raises(ArmError, match="demo-etcd-2"):
        deploy(plan(), "etcd-0", customData={"demo-etcd-0": "eA==", "demo-etcd-1": "eA=="})


@pytest.mark.parametrize("count", [0, 2])
def test_there_is_exactly_one_controller(count: int) -> None:
    nodes = [
        {"name": f"c-{i}", "address": "10.0.0.4", "subnet": "controller"} for i in range(count)
    ]
    with pytest.raises(ArmError, match="nodes"):
        deploy(plan(), "controller", nodes=nodes)


def test_outputs_name_the_machines() -> None:
    evaluation = deploy(plan(existing=("demo-etcd-1",)), "etcd-0")
    assert outputs(evaluation, NOTHING) == {"nodeNames": ["demo-etcd-0", "demo-etcd-2"]}


def test_tags_name_role_and_pool() -> None:
    evaluation = deploy(plan(workers=[{"name": "small", "count": 1}], tags={"a": "b"}), "small-0")
    for resource in evaluation.resources:
        assert resource.body["tags"] == {
            "a": "b",
            **OWNER.tags,
            "slipway-role": "worker",
            "slipway-pool": "small",
        }
