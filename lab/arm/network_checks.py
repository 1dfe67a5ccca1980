"""Checks of network resources that Azure's network provider does in addition to the form."""

from ipaddress import IPv4Network
from typing import Any

from lab.arm import kinds
from lab.arm.addresses import configurations, in_subnet, settle_address
from lab.arm.concrete import Concrete
from lab.arm.errors import ArmError
from lab.arm.rules import check_rules
from lab.arm.state import ArmState


def check_network(state: ArmState, concrete: Concrete, body: dict[str, Any]) -> None:
    """Checks a network resource. Raises ArmError. In `body`, a dynamic address is replaced by an
    allocated one."""
    properties = body.get("properties") or {}
    match concrete.type.lower():
        case kinds.NETWORK:
            _check_network(state, concrete, properties)
        case kinds.SUBNET:
            check_subnet(state, concrete.id, properties)
        case kinds.SECURITY_GROUP:
            check_rules(properties.get("securityRules") or [])
        case kinds.PUBLIC_ADDRESS:
            _check_public(body)
        case kinds.BALANCER:
            for frontend in properties["frontendIPConfigurations"]:
                settle_address(state, concrete.id, frontend["properties"])
            _check_balancer(state, concrete, properties)
        case kinds.INTERFACE:
            _check_interface(state, concrete, properties)
        case _:
            return


def _prefix(text: str, what: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except ValueError as error:
        raise ArmError(
            400, "InvalidCIDRNotation", f"The address prefix '{text}' of {what}: {error}."
        ) from None


def _check_network(state: ArmState, concrete: Concrete, properties: dict[str, Any]) -> None:
    spaces = [_prefix(p, concrete.name) for p in properties["addressSpace"]["addressPrefixes"]]
    for subnet in _subnets(state, concrete.id):
        own = IPv4Network(subnet["properties"]["addressPrefix"])
        if not any(own.subnet_of(space) for space in spaces):
            raise ArmError(
                400, "InUsePrefixCannotBeDeleted",
                f"IpPrefix {own} of subnet {subnet['id']} is not in the new address space.",
            )  # fmt: skip
    if "subnets" not in properties:
        return
    named = {subnet["name"].lower() for subnet in properties["subnets"]}
    for subnet in _subnets(state, concrete.id):
        if subnet["name"].lower() not in named:
            refuse_used_subnet(state, subnet, "InUseSubnetCannotBeDeleted", "deleted")


def _subnets(state: ArmState, network: str) -> list[dict[str, Any]]:
    prefix = f"{network.lower()}/subnets/"
    return [s for s in state.of_type(kinds.SUBNET) if s["id"].lower().startswith(prefix)]


def refuse_used_subnet(state: ArmState, subnet: dict[str, Any], code: str, verb: str) -> None:
    users = [owner for owner, c in configurations(state) if in_subnet(c, subnet["id"])]
    if users:
        raise ArmError(
            400,
            code,
            f"Subnet {subnet['name']} is in use by {users[0]} and cannot be {verb}. In order to do "
            "so, delete all the resources within the subnet.",
        )


def check_subnet(state: ArmState, identity: str, properties: dict[str, Any]) -> None:
    network = state.get(identity.rpartition("/subnets/")[0])
    if network is None:
        raise ArmError(
            404, "ParentResourceNotFound",
            f"Failed to perform 'write' on resource '{identity}': its parent was not found.",
        )  # fmt: skip
    prefix = _prefix(properties["addressPrefix"], identity)
    spaces = [IPv4Network(p) for p in network["properties"]["addressSpace"]["addressPrefixes"]]
    if not any(prefix.subnet_of(space) for space in spaces):
        raise ArmError(
            400, "NetcfgSubnetRangeOutsideVnet",
            f"Subnet '{identity}' is not valid: {prefix} is outside of its virtual network.",
        )  # fmt: skip
    for other in _subnets(state, network["id"]):
        if other["id"].lower() == identity.lower():
            if other["properties"]["addressPrefix"] != str(prefix):
                refuse_used_subnet(state, other, "InUseSubnetCannotBeUpdated", "updated")
        elif prefix.overlaps(IPv4Network(other["properties"]["addressPrefix"])):
            raise ArmError(
                400, "NetcfgSubnetRangesOverlap",
                f"Subnet '{identity}' is not valid: its range overlaps '{other['name']}'.",
            )  # fmt: skip


def _check_public(body: dict[str, Any]) -> None:
    static = (body.get("properties") or {}).get("publicIPAllocationMethod") == "Static"
    if body["sku"]["name"].lower() not in ("standard", "standardv2"):
        raise ArmError(400, "SkuNotSupported", "Basic public addresses are retired: use Standard.")
    if not static:
        raise ArmError(
            400, "PublicIPAndStandardSkuMustBeStatic",
            "Standard sku public IPs must use the allocation method Static.",
        )  # fmt: skip


def _check_balancer(state: ArmState, concrete: Concrete, properties: dict[str, Any]) -> None:
    old = state.get(concrete.id)
    before = {f["name"]: f for f in (old or {"properties": {}})["properties"].get(
        "frontendIPConfigurations", [])}  # fmt: skip
    for frontend in properties["frontendIPConfigurations"]:
        found = before.get(frontend["name"])
        if found and found.get("zones") != frontend.get("zones"):
            raise ArmError(
                400, "ResourceAvailabilityZonesCannotBeModified",
                f"Resource {concrete.id} has an existing availability zone constraint.",
            )  # fmt: skip


def _check_interface(state: ArmState, concrete: Concrete, properties: dict[str, Any]) -> None:
    for config in properties["ipConfigurations"]:
        own = config["properties"]
        if "subnet" not in own:
            raise ArmError(
                400, "SubnetIsRequired",
                f"Ipconfiguration {concrete.id}/ipConfigurations/{config['name']} has no subnet.",
            )  # fmt: skip
        settle_address(state, concrete.id, own)
        _refuse_moving(state, concrete, own)
        _refuse_two_of_a_kind(state, concrete, own)
        public = (own.get("publicIPAddress") or {}).get("id", "").lower()
        for owner, other in configurations(state) if public else []:
            same = (other.get("publicIPAddress") or {}).get("id", "").lower() == public
            if same and owner.lower() != concrete.id.lower():
                raise ArmError(
                    400, "PublicIPAddressInUse", f"Resource {public} is in use by {owner}."
                )


def _refuse_two_of_a_kind(state: ArmState, concrete: Concrete, own: dict[str, Any]) -> None:
    """Raises ArmError if the interface uses two internal or two public Standard load balancers."""
    seen: dict[bool, str] = {}
    for pool in own.get("loadBalancerBackendAddressPools") or []:
        identity = pool["id"].lower().partition("/backendaddresspools/")[0]
        balancer = state.get(identity)
        if balancer is None:
            continue
        frontends = balancer["properties"]["frontendIPConfigurations"]
        public = any("publicIPAddress" in frontend["properties"] for frontend in frontends)
        if seen.setdefault(public, identity) != identity:
            raise ArmError(
                400, "NetworkInterfaceUsesMultipleLoadBalancersOfSameType",
                f"Network interface {concrete.id} uses multiple load balancers of the same type "
                f"({'public' if public else 'internal'}).",
            )  # fmt: skip


def _refuse_moving(state: ArmState, concrete: Concrete, own: dict[str, Any]) -> None:
    """Raises ArmError if the subnet or the address of a machine's interface would change. The lab
    does not support it."""
    old = state.get(concrete.id)
    if old is None or not old["properties"].get("virtualMachine"):
        return
    before = old["properties"]["ipConfigurations"][0]["properties"]
    for name in ("subnet", "privateIPAddress"):
        if before[name] != own[name]:
            raise ArmError(
                409, "PropertyChangeNotAllowed",
                f"Changing property 'ipConfigurations.{name}' of an interface that a virtual "
                "machine uses is not allowed.", target=name,
            )  # fmt: skip
