"""Checks the login from the app to the controller of a cluster."""

from clients.controller_login import controller_login, network_outputs
from clients.errors import Refused
from clients.services import Services
from cluster import names
from cluster.findings import Finding, FindingState, Fix
from cluster.record import ClusterRecord
from cluster.roles import CONTROLLER
from doctor.fixes import Installation

LOGIN_SECONDS = 20.0


def allowed_sources_fix(installation: Installation) -> Fix:
    """The fix if the controller does not answer: its network rules admit the addresses of a
    setting, and the app's requests come from the address of the NAT gateway."""
    return Fix(
        text="add this address of the installation's NAT gateway to SLIPWAY_ALLOWED_SOURCES; "
        "apply the cluster's spec again for the change to take effect",
        command=f"az network public-ip list -g {installation.group} --query '[].ipAddress' -o tsv",
    )


def check_login(services: Services, record: ClusterRecord) -> Finding:
    """Logs in to the controller, if it should run now.

    Raises:
        Transient: the controller does not answer.
        Refused: HostKeyMismatch, AuthenticationFailed, or an error of Azure.
    """
    name = record.name
    if record.is_tombstone:
        return _finding("notChecked", f"{name} was deleted")
    slot = next((slot for slot in record.slots if slot.role == CONTROLLER), None)
    address = _address(services, record)
    if slot is None or not address:
        return _finding(
            "notChecked", f"no operation of {name} has recorded its controller's address yet"
        )
    vm = services.compute.vm(record.group, slot.name)
    if vm is None and record.busy:
        return _finding(
            "notChecked", f"{slot.name} does not exist yet; an operation of {name} is under way"
        )
    if vm is None:
        return _finding(
            "failed", f"VM {slot.name} does not exist in {record.group}", recreate_fix(name)
        )
    if vm.power_state != "running":
        seen = f"{slot.name} is {vm.power_state or 'in an unknown state'}, as between operations"
        fix = Fix(
            text="this command starts it; repeat the check while it runs",
            command=f"./slipway tunnel {name}",
        )
        return _finding("notChecked", seen, fix)
    return _log_in(services, record, slot.name, address)


def _address(services: Services, record: ClusterRecord) -> str:
    """From the network deployment, or else from the last run that made the API available."""
    outputs = network_outputs(services, record.name, record.group, record.generation)
    if outputs:
        return str(outputs.get("controllerPublicAddress") or "")
    return record.access.controller_address if record.access else ""


def _log_in(services: Services, record: ClusterRecord, controller: str, address: str) -> Finding:
    user = services.store.spec(record).admin_user
    host_key = services.store.public_keys(record.name).get(controller, "")
    try:
        login = controller_login(
            services, record.name, record.uid, address=address, user=user, host_key=host_key
        )
    except Refused as error:
        if error.code != "KeyMissing":
            raise
        return _finding("failed", error.message, _recover_key(services, record))
    with login as connection:
        done = connection.run(["true"], timeout=LOGIN_SECONDS)
    if done.exit != 0:
        seen = f"'true' on {controller} ended with exit code {done.exit}"
        return _finding("failed", seen, recreate_fix(record.name))
    seen = f"login to {controller} at {address} with the pinned host key succeeded"
    return _finding("ok", seen)


def _recover_key(services: Services, record: ClusterRecord) -> Fix:
    vault = services.settings.vault_url.removeprefix("https://").partition(".")[0]
    secret = names.cluster_key_secret(record.name, record.uid)
    return Fix(
        text="recover the secret while the vault still keeps it; this needs the right to recover "
        "secrets of the vault",
        command=f"az keyvault secret recover --vault-name {vault} --name {secret}",
    )


def recreate_fix(cluster: str) -> Fix:
    """The fix for a controller that is missing or broken: a run creates what is missing."""
    return Fix(
        text=f"apply the spec of {cluster} (CLUSTER.yaml) again: the operation creates what is "
        "missing. If the controller has another host key than the pinned one, find out who "
        "replaced the VM, and delete it first",
        command="./slipway apply -f CLUSTER.yaml",
    )


def _finding(state: FindingState, seen: str, fix: Fix | None = None) -> Finding:
    return Finding(name="controller", state=state, seen=seen, fix=fix)
