"""The way from the app to one cluster's controller, tried to its end: a login."""

from clients.services import Services
from cluster import names
from cluster.addresses import CONTROLLER
from cluster.findings import Finding
from cluster.record import ClusterRecord
from cluster.spec import ClusterSpec

LOGIN_SECONDS = 20.0


def controller_way(services: Services, record: ClusterRecord) -> Finding:
    """Raises Transient: it does not answer. Refused: another host key, or ours is not taken."""
    name = record.name
    slot = next((slot for slot in record.slots if slot.role == CONTROLLER), None)
    address = _address(services, record)
    if slot is None or not address:
        seen = f"no run of {name} has told its controller's address yet"
        return Finding(name="controller", state="notChecked", seen=seen)
    vm = services.compute.vm(record.group, slot.name)
    if vm is None:
        return _failed(name, f"{slot.name} is not in {record.group}")
    if vm.power_state != "running":
        seen = f"{slot.name} is {vm.power_state or 'in an unknown state'}, as between operations"
        mend = f"./slipway tunnel {name} starts it; ask again meanwhile"
        return Finding(name="controller", state="notChecked", seen=seen, mend=mend)
    return _log_in(services, record, slot.name, address)


def _address(services: Services, record: ClusterRecord) -> str:
    """As the network deployment told it; else as the last run that brought up the API kept it."""
    name = names.deployment_name(record.name, "network", record.generation)
    found = services.deployments.get(record.group, name)
    if found and found.outputs:
        return str(found.outputs.get("controllerPublicAddress") or "")
    return record.access.controller_address if record.access else ""


def _log_in(services: Services, record: ClusterRecord, controller: str, address: str) -> Finding:
    from clients.ssh import SshController

    key = services.vault.get(names.cluster_key_secret(record.name, record.uid))
    if key is None:
        return _failed(record.name, f"the vault has no key of {record.name}")
    pinned = services.store.public_keys(record.name).get(controller, "")
    user = ClusterSpec.model_validate(record.spec).admin_user
    with SshController(address, user, key.value, pinned) as connection:
        done = connection.run(["true"], timeout=LOGIN_SECONDS)
    if done.exit != 0:
        return _failed(record.name, f"'true' on {controller} ended with {done.exit}")
    seen = f"{controller} takes a login at {address}, with the pinned host key"
    return Finding(name="controller", state="ok", seen=seen)


def _failed(cluster: str, seen: str) -> Finding:
    mend = f"./slipway apply with the spec of {cluster}: what is missing is made anew"
    return Finding(name="controller", state="failed", seen=seen, mend=mend)
