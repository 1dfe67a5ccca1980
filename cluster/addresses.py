"""Subnets and static addresses.

Templates, inventory and tests share one rule: address = subnet root + index + 4, because Azure
reserves the first four addresses of a subnet (and the last one).
"""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network

from cluster.spec import ClusterSpec

AZURE_RESERVED_FIRST = 4
AZURE_RESERVED = 5
DEFAULT_POOL_PREFIX = 22
# Pools begin above the fixed roles' subnets, so that those can be enlarged manually.
DEFAULT_POOL_OFFSET = 16 * 256
POD_BLOCK_PREFIX = 24


class NoRoomError(ValueError):
    """The virtual network has no free block for a pool's subnet."""

    def __init__(self, pool: str) -> None:
        self.pool = pool
        super().__init__(f"no free /{DEFAULT_POOL_PREFIX} for pool '{pool}'")


def node_address(subnet: str, index: int) -> str:
    """Returns the static address of the node with that index.

    Raises:
        ValueError: the subnet has no address for the index.
    """
    network = IPv4Network(subnet)
    address = network.network_address + index + AZURE_RESERVED_FIRST
    if index < 0 or address >= network.broadcast_address:
        raise ValueError(f"{subnet} has no address for index {index}")
    return str(address)


def capacity(subnet: str, *, frontend: bool = False) -> int:
    """Returns how many nodes fit into a subnet: one fewer if it contains the API's `frontend`."""
    return max(0, IPv4Network(subnet).num_addresses - AZURE_RESERVED - int(frontend))


def api_address(spec: ClusterSpec) -> str:
    """Returns the address of the API's frontend: the last usable one of the control plane's
    subnet."""
    network = IPv4Network(spec.network.subnets.control_plane)
    return str(IPv4Address(int(network.broadcast_address) - 1))


def pool_subnets(spec: ClusterSpec, known: Mapping[str, str]) -> dict[str, str]:
    """Returns the subnet of each worker pool, as pool name to CIDR.

    The subnet is the recorded one, or else the requested one, or else the next free block.

    Args:
        spec: the wanted cluster.
        known: pool name to CIDR, from the cluster's record. Such a subnet never changes.

    Raises:
        NoRoomError: there is no free block for a pool without a subnet.
    """
    fixed = spec.network.subnets
    taken = [IPv4Network(c) for c in (fixed.controller, fixed.control_plane, fixed.etcd)]
    result: dict[str, str] = {}
    for pool in spec.workers:
        given = known.get(pool.name) or pool.subnet
        if given:
            result[pool.name] = given
            taken.append(IPv4Network(given))
    taken += [IPv4Network(cidr) for name, cidr in known.items() if name not in result]
    for pool in spec.workers:
        if pool.name not in result:
            block = _free_block(spec.network.vnet_cidr, taken, pool.name)
            result[pool.name] = str(block)
            taken.append(block)
    return {pool.name: result[pool.name] for pool in spec.workers}


def _free_block(vnet_cidr: str, taken: list[IPv4Network], pool: str) -> IPv4Network:
    """Returns the first free block of the upper part, or else of the lower part.

    It looks at one block for each network that is taken, since a network may have millions.
    """
    vnet = IPv4Network(vnet_cidr)
    if vnet.prefixlen > DEFAULT_POOL_PREFIX:
        raise NoRoomError(pool)
    start, end = int(vnet.network_address), int(vnet.broadcast_address) + 1
    middle = min(start + DEFAULT_POOL_OFFSET, end)
    for low, high in ((middle, end), (start, middle)):
        block = _first_free(low, high, taken)
        if block is not None:
            return block
    raise NoRoomError(pool)


def _first_free(low: int, high: int, taken: list[IPv4Network]) -> IPv4Network | None:
    size = 2 ** (32 - DEFAULT_POOL_PREFIX)
    first = low
    for network in sorted(taken):
        if int(network.network_address) >= first + size:
            break
        behind = int(network.broadcast_address) + 1
        if behind > first:
            first = -(-behind // size) * size
    if first + size > high:
        return None
    return IPv4Network((first, DEFAULT_POOL_PREFIX))
