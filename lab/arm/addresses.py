"""Public and private IP addresses: their allocation, and the checks of private addresses against
their subnet and against each other."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from lab.arm import kinds
from lab.arm.errors import ArmError
from lab.arm.state import ArmState

# The places of the public addresses in the lab's range. The first ones are for the lab's host.
FIRST_PUBLIC, LAST_PUBLIC = 10, 250
# Azure reserves the first four addresses of a subnet, and the last one.
RESERVED = 4


def public_address(state: ArmState, identity: str, public: IPv4Network) -> str:
    """Returns the resource's public address, or the first free one of the range `public` if it has
    none yet.

    Raises:
        ArmError: all addresses of the lab's range are in use.
    """
    found = state.get(identity)
    if found and found["properties"].get("ipAddress"):
        return found["properties"]["ipAddress"]
    taken = {r["properties"].get("ipAddress") for r in state.of_type(kinds.PUBLIC_ADDRESS)}
    for place in range(FIRST_PUBLIC, LAST_PUBLIC + 1):
        if str(public[place]) not in taken:
            return str(public[place])
    raise ArmError(400, "PublicIPCountLimitReached", "No public address is left in the lab.")


def settle_address(state: ArmState, identity: str, own: dict[str, Any]) -> None:
    """Checks a static private address. Allocates a dynamic one in `own`, and keeps it on later
    calls.

    Raises:
        ArmError: the address is invalid, outside the subnet, reserved or in use, or the subnet is
            full.
    """
    subnet = state.get((own.get("subnet") or {}).get("id", ""))
    if subnet is None:
        return
    network = IPv4Network(subnet["properties"]["addressPrefix"])
    if own.get("privateIPAllocationMethod", "Dynamic") == "Dynamic":
        own["privateIPAddress"] = _kept(state, identity, own) or _free(state, subnet, network)
        return
    try:
        address = IPv4Address(own.get("privateIPAddress", ""))
    except ValueError:
        raise ArmError(
            400, "PrivateIPAddressInvalid", f"'{own.get('privateIPAddress')}' is no IPv4 address."
        ) from None
    if address not in network:
        raise ArmError(
            400, "PrivateIPAddressNotInSubnet",
            f"Private static IP address {address} does not belong to the range of subnet prefix "
            f"{network}.",
        )  # fmt: skip
    if int(address) - int(network.network_address) < RESERVED or address == network[-1]:
        raise ArmError(
            400, "PrivateIPAddressInReservedRange",
            f"Private static IP address {address} falls within reserved range of subnet prefix "
            f"{network}.",
        )  # fmt: skip
    for owner, other in _used(state, subnet["id"]):
        if other["privateIPAddress"] == str(address) and owner.lower() != identity.lower():
            raise ArmError(
                400, "PrivateIPAddressIsAllocated",
                f"IP address {address} is already allocated to resource {owner}.",
            )  # fmt: skip


def _kept(state: ArmState, identity: str, own: dict[str, Any]) -> str | None:
    for owner, other in _used(state, own["subnet"]["id"]):
        if owner.lower() == identity.lower():
            return other["privateIPAddress"]
    return None


def _free(state: ArmState, subnet: dict[str, Any], network: IPv4Network) -> str:
    taken = {other["privateIPAddress"] for _, other in _used(state, subnet["id"])}
    for offset in range(RESERVED, network.num_addresses - 1):
        if str(network[offset]) not in taken:
            return str(network[offset])
    raise ArmError(400, "SubnetIsFull", f"Subnet {subnet['name']} has no free address left.")


def configurations(state: ArmState) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields each interface's id with the properties of each of its IP configurations."""
    for interface in state.of_type(kinds.INTERFACE):
        for config in interface["properties"]["ipConfigurations"]:
            yield interface["id"], config["properties"]


def _used(state: ArmState, subnet: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the id and the configuration of each interface and load balancer frontend that has an
    address in the subnet."""
    for owner, config in configurations(state):
        if in_subnet(config, subnet):
            yield owner, config
    for balancer in state.of_type(kinds.BALANCER):
        for frontend in balancer["properties"]["frontendIPConfigurations"]:
            if in_subnet(frontend["properties"], subnet):
                yield balancer["id"], frontend["properties"]


def network_of(subnet: str) -> str:
    """Returns the id of the subnet's virtual network."""
    return subnet.lower().rpartition("/subnets/")[0]


def in_subnet(config: dict[str, Any], subnet: str) -> bool:
    return (config.get("subnet") or {}).get("id", "").lower() == subnet.lower()
