"""Ordinary reads of Microsoft's own command line show what the lab has."""

import json
from collections.abc import Callable

import pytest

from lab.tests.azure_cli.conftest import MACHINES, Lab
from tests.arm.installation import GROUP

type Note = Callable[[str, object], None]

pytestmark = pytest.mark.long
IN = f"-g {MACHINES}"
# The command, and the name that its answer has to have.
SHOWN = {
    f"group show -n {MACHINES}": MACHINES,
    f"deployment group show {IN} -n installation": "installation",
    f"vm show {IN} -n vm": "vm",
    f"vm show -d {IN} -n vm": "vm",
    f"vm get-instance-view {IN} -n vm": "vm",
    f"network nsg show {IN} -n rules": "rules",
    f"network vnet show {IN} -n net": "net",
    f"network vnet subnet show {IN} --vnet-name net -n one": "one",
    f"network lb show {IN} -n balancer": "balancer",
    f"network nic show {IN} -n nic": "nic",
    f"network public-ip show {IN} -n ip": "ip",
    f"disk show {IN} -n vm-data": "vm-data",
    f"identity show -g {GROUP} -n slipway-app": "slipway-app",
}
LISTED = {
    "group list": MACHINES,
    "group list --tag slipway-installation=slipway": GROUP,
    f"deployment group list {IN}": "installation",
    "deployment sub list": "installation",
    "resource list --resource-type Microsoft.Compute/virtualMachines": "vm",
    f"resource list {IN}": "balancer",
    "vm list": "vm",
    f"vm list -d {IN}": "vm",
    "network nsg list": "rules",
    f"network nsg list {IN}": "rules",
    f"network vnet list {IN}": "net",
    f"network vnet subnet list {IN} --vnet-name net": "one",
    "network lb list": "balancer",
    f"network lb frontend-ip list {IN} --lb-name balancer": "public",
    f"network lb probe list {IN} --lb-name balancer": "api",
    f"network nic list {IN}": "nic",
    "network public-ip list": "ip",
    f"disk list {IN}": "vm-data",
    "identity list": "slipway-app",
    "lock list": "slipway-keeps",
    "account list-locations": "westeurope",
    "vm list-skus --location northeurope --size Standard_D4s": "Standard_D4s_v5",
    "vm list-skus --location northeurope --zone": "Standard_E4s_v5",
}
# Azure has these types, and the lab none of them.
EMPTY = (
    "network application-gateway list",
    "network private-endpoint list",
    "network watcher list",
    f"network route-table list {IN}",
    "snapshot list",
    "image list",
    "vmss list",
    "keyvault list-deleted",
    "resource list --tag nobody=has",
)


@pytest.mark.parametrize("command", SHOWN)
def test_one_is_shown(lab: Lab, command: str, record_property: Note) -> None:
    assert json.loads(lab.run(command.split()))["name"] == SHOWN[command]
    record_property("azure-cli", "ran")


@pytest.mark.parametrize("command", LISTED)
def test_all_are_listed(lab: Lab, command: str, record_property: Note) -> None:
    found = json.loads(lab.run(command.split()))
    assert LISTED[command] in [one["name"] for one in found]
    record_property("azure-cli", "ran")


@pytest.mark.parametrize("command", EMPTY)
def test_a_list_of_what_nobody_made_is_empty(lab: Lab, command: str, record_property: Note) -> None:
    assert json.loads(lab.run(command.split())) == []
    record_property("azure-cli", "ran")


def test_the_vault_is_found_and_its_secrets_are_listed_without_their_values(
    lab: Lab, record_property: Note
) -> None:
    (vault,) = json.loads(lab.run(["keyvault", "list"]))
    where = ["--vault-name", vault["name"]]
    secret = ["--name", "shown", *where]
    lab.run(["keyvault", "secret", "set", *secret, "--value", "hunter2"])
    assert "hunter2" not in lab.run(["keyvault", "secret", "list", *where])
    assert json.loads(lab.run(["keyvault", "secret", "show", *secret]))["value"] == "hunter2"
    record_property("azure-cli", "ran")


def test_a_machine_is_stopped_and_started(lab: Lab, record_property: Note) -> None:
    for action, state in (("deallocate", "VM deallocated"), ("start", "VM running")):
        lab.run(["vm", action, *IN.split(), "-n", "vm"])
        shown = json.loads(lab.run(["vm", "show", "-d", *IN.split(), "-n", "vm"]))
        assert shown["powerState"] == state
    record_property("azure-cli", "ran")


def test_a_resource_that_does_not_exist_is_reported_with_arms_code(lab: Lab) -> None:
    done = lab.az.run(["vm", "show", *IN.split(), "-n", "nobody"], 600.0)
    assert (done.returncode, "(ResourceNotFound)" in done.stderr) == (3, True)


def test_a_read_that_the_lab_does_not_answer_is_not_reported_as_a_missing_resource(
    lab: Lab,
) -> None:
    """Azure lists publishers of images by location; the lab has no list of them."""
    done = lab.az.run(["vm", "image", "list-publishers", "-l", "westeurope"], 600.0)
    assert done.returncode
    assert "The stand-in has no 'GET " in done.stderr
