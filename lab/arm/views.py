"""Resources as GET and `reference` return them: with the service's additions, without hidden
values."""

from typing import Any

from lab.arm import kinds
from lab.arm.additions import add_to
from lab.arm.machines import machine_id
from lab.arm.state import ArmState
from lab.fabric import Fabric

HIDDEN = {"body", "group", "power", "spec"}
DISPLAY = {
    "running": "VM running",
    "deallocated": "VM deallocated",
    "stopped": "VM stopped",
    "starting": "VM starting",
    "stopping": "VM stopping",
    "deallocating": "VM deallocating",
}


def shown(state: ArmState, resource: dict[str, Any]) -> dict[str, Any]:
    """Returns a copy of the resource for a response. customData and passwords are never
    returned."""
    found = state.copy_of({key: value for key, value in resource.items() if key not in HIDDEN})
    properties = found["properties"]
    match found["type"].lower():
        case kinds.NETWORK:
            properties["subnets"] = _subnets(state, found["id"])
        case kinds.PUBLIC_ADDRESS:
            user = _configuration(state, found["id"])
            if user:
                properties["ipConfiguration"] = {"id": user}
        case kinds.INTERFACE:
            for config in properties["ipConfigurations"]:
                config["id"] = f"{found['id']}/ipConfigurations/{config['name']}"
                config["type"] = "Microsoft.Network/networkInterfaces/ipConfigurations"
                config["properties"]["provisioningState"] = "Succeeded"
        case kinds.AVAILABILITY_SET:
            properties["virtualMachines"] = _members(state, found["id"])
        case kinds.MACHINE:
            for secret in ("customData", "adminPassword"):
                properties["osProfile"].pop(secret, None)
        case _:
            pass
    if not kinds.KINDS[found["type"].lower()].newest.located:
        # Child and extension resources have no location and no tags.
        found.pop("location", None)
        found.pop("tags", None)
    add_to(found)
    return found


def _subnets(state: ArmState, network: str) -> list[dict[str, Any]]:
    prefix = f"{network.lower()}/subnets/"
    return [
        {key: subnet[key] for key in ("name", "id", "etag", "type", "properties")}
        for subnet in (shown(state, s) for s in state.of_type(kinds.SUBNET))
        if subnet["id"].lower().startswith(prefix)
    ]


def _configuration(state: ArmState, public: str) -> str | None:
    for interface in state.of_type(kinds.INTERFACE):
        for config in interface["properties"]["ipConfigurations"]:
            named = (config["properties"].get("publicIPAddress") or {}).get("id", "")
            if named.lower() == public.lower():
                return f"{interface['id']}/ipConfigurations/{config['name']}"
    return None


def _members(state: ArmState, availability_set: str) -> list[dict[str, str]]:
    return [
        {"id": machine["id"]}
        for machine in state.of_type(kinds.MACHINE)
        for named in [machine["properties"].get("availabilitySet") or {}]
        if named.get("id", "").lower() == availability_set.lower()
    ]


def instance_view(fabric: Fabric, machine: dict[str, Any]) -> dict[str, Any]:
    """Returns the machine's instance view, with the power state in Azure's codes."""
    provisioning = machine["properties"]["provisioningState"].lower()
    made = machine["properties"]["timeCreated"]
    power = machine.get("power") or fabric.state(machine_id(machine["id"]))
    statuses: list[dict[str, str]] = [
        {
            "code": f"ProvisioningState/{provisioning}",
            "level": "Error" if provisioning == "failed" else "Info",
            "displayStatus": f"Provisioning {provisioning}",
            "time": made,
        }
    ]
    if power in DISPLAY:
        statuses.append(
            {"code": f"PowerState/{power}", "level": "Info", "displayStatus": DISPLAY[power]}
        )
    done = {
        "code": "ProvisioningState/succeeded",
        "level": "Info",
        "displayStatus": "Provisioning succeeded",
        "time": made,
    }
    agent = done | {"displayStatus": "Ready", "message": "Guest Agent is running"}
    storage = machine["properties"]["storageProfile"]
    disks = (storage["osDisk"], *(storage.get("dataDisks") or []))
    return {
        "computerName": machine["properties"]["osProfile"]["computerName"],
        "osName": "debian",
        "osVersion": "13",
        "hyperVGeneration": "V2",
        "vmAgent": {"vmAgentVersion": "2.12.0.2", "statuses": [agent], "extensionHandlers": []},
        "disks": [{"name": disk["name"], "statuses": [done]} for disk in disks],
        "statuses": statuses,
    }
