"""PUT of one resource: it is checked as its provider does, recorded, and realized by the fabric."""

import threading
import time
import uuid
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from lab.arm import kinds
from lab.arm.addresses import public_address
from lab.arm.concrete import Concrete
from lab.arm.disks import check_disk, hold_disks, name_disks
from lab.arm.errors import ArmError, ExpressionError, invalid_at
from lab.arm.faults import Faults
from lab.arm.groups import find_group, refuse_deleting
from lab.arm.kinds import Kind, checked, keep_immutable, kind_of, refuse_immutable
from lab.arm.machines import check_machine, fingerprint, machine_spec
from lab.arm.network_checks import check_network, check_subnet
from lab.arm.network_state import network_state
from lab.arm.platform import DECIDED, check_platform, decide_platform
from lab.arm.references import refuse_dangling, refuse_missing
from lab.arm.scope import Reference
from lab.arm.sizes import check_fault_domains
from lab.arm.state import ArmState, without_secrets
from lab.fabric import Fabric, FabricError, MachineSpec

# Values that the service chooses once. A later PUT does not change them.
KEPT = (
    "ipAddress", "macAddress", "resourceGuid", "timeCreated", "uniqueId", "virtualMachine", "vmId",
    *DECIDED,
)  # fmt: skip


class Putter:
    """Puts resources into the state, and machines and networks into the fabric."""

    def __init__(self, state: ArmState, fabric: Fabric, faults: Faults, seconds: float) -> None:
        self._state, self._fabric, self._faults, self._seconds = state, fabric, faults, seconds
        self._busy: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        self._network = threading.Lock()
        self._applied: Any = None

    def busy(self, identity: str) -> threading.RLock:
        """Returns the resource's lock. It allows one change of a resource at a time, also while the
        fabric works."""
        with self._state.lock:
            return self._busy[identity.lower()]

    def put(self, location: str, concrete: Concrete, reference: Reference) -> bool:
        """Puts the resource and returns whether anything changed.

        Raises:
            ArmError: the resource's provider would reject it, or could not create it.
        """
        kind = kind_of(concrete)
        try:
            settled = concrete.settled(reference)
        except ExpressionError as error:
            raise invalid_at("resource", concrete.name, concrete.type, error) from None
        body = checked(kind, concrete, settled)
        self._faults.before_put(concrete.name)
        with self.busy(concrete.id):
            resource, spec = self._record(kind, concrete, location, body)
            if resource is None:
                return False
            time.sleep(self._seconds)
            if spec is not None:
                self._realize(resource, spec)
            return True

    def _record(
        self, kind: Kind, concrete: Concrete, location: str, body: dict[str, Any]
    ) -> tuple[dict[str, Any] | None, MachineSpec | None]:
        """Checks and records the resource. Returns it, or None if it already exists unchanged; and
        the machine to create, if any."""
        state, machine = self._state, concrete.type.lower() == kinds.MACHINE
        with state.lock:
            old = state.get(concrete.id)
            self._refuse_at_all(concrete, old, body)
            if machine:
                name_disks(concrete, body)
            check_network(state, concrete, body)
            new = without_secrets(body)
            if old is not None:
                refuse_immutable(kind, old["body"], new)
                keep_immutable(kind, old["body"], new)
                done = old["properties"].get("provisioningState") == "Succeeded"
                if done and old["body"] == new:
                    return None, None
            refuse_dangling(state, concrete.id, body)
            refuse_missing(state, kind, concrete, body)
            check_platform(state, concrete, body)
            if machine:
                check_machine(state, self._faults, concrete, body)
            elif concrete.type.lower() == kinds.DISK:
                check_disk(state, concrete, body)
            elif concrete.type.lower() == kinds.AVAILABILITY_SET:
                check_fault_domains(body.get("properties") or {})
            resource = _resource(concrete, location, new, old)
            self._decide(resource)
            state.resources[concrete.id.lower()] = resource
            spec = self._hold(resource, body) if machine else None
            return resource, spec

    def _refuse_at_all(
        self, concrete: Concrete, old: dict[str, Any] | None, body: dict[str, Any]
    ) -> None:
        if concrete.group:
            refuse_deleting(find_group(self._state, concrete.group), concrete.group)
        if old and "location" in body and old["location"] != body["location"]:
            raise ArmError(
                409, "InvalidResourceLocation",
                f"The resource '{concrete.name}' already exists in location '{old['location']}'. A "
                f"resource with the same name cannot be created in location '{body['location']}'.",
            )  # fmt: skip

    def _decide(self, resource: dict[str, Any]) -> None:
        """Sets the values that the service chooses. The caller holds the state's lock."""
        properties = resource["properties"]
        kind = resource["type"].lower()
        if kind.startswith("microsoft.network/") and kind != kinds.SUBNET:
            properties.setdefault("resourceGuid", str(uuid.uuid4()))
        match kind:
            case kinds.PUBLIC_ADDRESS:
                properties["ipAddress"] = public_address(
                    self._state, resource["id"], self._fabric.public
                )
            case kinds.NETWORK:
                self._put_subnets(resource)
            case kinds.DISK:
                properties.setdefault("diskState", "Unattached")
                properties.setdefault("uniqueId", str(uuid.uuid4()))
                properties.setdefault("timeCreated", datetime.now(UTC).isoformat())
            case kinds.INTERFACE:
                number = uuid.UUID(properties["resourceGuid"]).hex[:6].upper()
                mac = f"00-0D-3A-{number[:2]}-{number[2:4]}-{number[4:]}"
                properties.setdefault("macAddress", mac)
            case kinds.MACHINE:
                properties.setdefault("vmId", str(uuid.uuid4()))
                properties.setdefault("timeCreated", datetime.now(UTC).isoformat())
                properties["provisioningState"] = "Creating"
            case _:
                decide_platform(resource)

    def _put_subnets(self, network: dict[str, Any]) -> None:
        """Puts the subnets that are defined inside their network, and deletes those that it no
        longer lists."""
        inline = network["properties"].pop("subnets", None)
        if inline is None:
            return
        state, prefix = self._state, f"{network['id']}/subnets/"
        named = {f"{prefix}{subnet['name']}".lower() for subnet in inline}
        for key in [k for k in state.resources if k.startswith(prefix.lower()) and k not in named]:
            del state.resources[key]
        known = state.resources.setdefault(network["id"].lower(), network)
        known["properties"]["addressSpace"] = network["properties"]["addressSpace"]
        for subnet in inline:
            identity, properties = f"{prefix}{subnet['name']}", subnet.get("properties") or {}
            check_subnet(state, identity, properties)
            state.resources[identity.lower()] = {
                "id": identity,
                "name": subnet["name"],
                "type": "Microsoft.Network/virtualNetworks/subnets",
                "location": network["location"],
                "tags": {},
                "group": network["group"],
                "properties": {**properties, "provisioningState": "Succeeded"},
                "body": {"properties": properties},
            }

    def _hold(self, machine: dict[str, Any], body: dict[str, Any]) -> MachineSpec:
        """Attaches the interface and the disks to the machine. Returns the machine's specification
        for the fabric."""
        hold_disks(self._state, machine)
        for named in machine["properties"]["networkProfile"]["networkInterfaces"]:
            interface = self._state.resources[named["id"].lower()]
            interface["properties"]["virtualMachine"] = {"id": machine["id"]}
        return machine_spec(self._state, machine, body)

    def _realize(self, machine: dict[str, Any], spec: MachineSpec) -> None:
        """Creates the machine, unless it already exists with this specification. Raises
        ArmError."""
        before = machine.get("spec")
        there = self._fabric.state(spec.id) != "absent"
        try:
            if not (there and before == fingerprint(spec)):
                if there and before is not None:
                    raise ArmError(
                        409, "OperationNotAllowed",
                        f"The lab does not change the size, disks or address of '{spec.hostname}', "
                        "a machine that exists: delete it first.",
                    )  # fmt: skip
                self.apply_network()
                self._faults.before_create()
                self._fabric.create(spec)
        except FabricError as error:
            self._end(machine, "Failed")
            raise ArmError(
                409, "OSProvisioningTimedOut",
                f"OS Provisioning for VM '{spec.hostname}' did not finish in the allotted time: "
                f"{error}",
            ) from None  # fmt: skip
        except ArmError:
            self._end(machine, "Failed")
            raise
        self._end(machine, "Succeeded", spec=fingerprint(spec))

    def _end(self, machine: dict[str, Any], outcome: str, **learned: str) -> None:
        """Records the result. It holds the lock, because another machine's state may be written at
        the same time."""
        with self._state.change():
            machine["properties"]["provisioningState"] = outcome
            machine.update(learned)

    def apply_network(self) -> None:
        """Applies the whole network to the fabric, unless it is unchanged since the last call."""
        with self._network:
            wanted = network_state(self._state)
            if wanted != self._applied:
                self._fabric.apply_network(wanted)
                self._applied = wanted


def _resource(
    concrete: Concrete, location: str, body: dict[str, Any], old: dict[str, Any] | None
) -> dict[str, Any]:
    before = (old or {}).get("properties", {})
    kept = {name: before[name] for name in KEPT if name in before}
    copied = without_secrets(body)
    return {
        "id": old["id"] if old else concrete.id,
        "name": concrete.name.rpartition("/")[2],
        "type": concrete.type,
        "location": body.get("location", location),
        "tags": body.get("tags") or {},
        "group": concrete.group.lower(),
        "properties": {**copied.get("properties", {}), "provisioningState": "Succeeded", **kept},
        "body": body,
        **{key: body[key] for key in ("sku", "zones", "identity", "kind") if key in body},
        **{key: old[key] for key in ("managedBy", "power", "spec") if old and key in old},
    }
