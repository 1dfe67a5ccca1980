"""Template functions for CIDR ranges."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from lab.arm.functions.values import Mismatch, exactly, need

POINT_TO_POINT = 2  # a range of one or two addresses has no address of its own to leave out


def _range(text: str) -> IPv4Network | IPv6Network:
    if "/" not in need(text, str):
        raise Mismatch(f"'{text}' is not a CIDR range")
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise Mismatch(str(error)) from None


def parse_cidr(text: str) -> dict[str, Any]:
    found = _range(text)
    edge = 1 if found.num_addresses > POINT_TO_POINT else 0
    return {
        "network": str(found.network_address),
        "netmask": str(found.netmask),
        "broadcast": str(found.broadcast_address),
        "firstUsable": str(found[edge]),
        "lastUsable": str(found[-1 - edge]),
        "cidr": found.prefixlen,
    }


def cidr_subnet(text: str, prefix: int, index: int) -> str:
    found = _range(text)
    if not found.prefixlen <= need(prefix, int) <= found.max_prefixlen:
        raise Mismatch(f"a /{prefix} does not fit into '{text}'")
    if not 0 <= need(index, int) < 2 ** (prefix - found.prefixlen):
        raise Mismatch(f"'{text}' has no /{prefix} of index {index}")
    address = found.network_address + index * 2 ** (found.max_prefixlen - prefix)
    return f"{address}/{prefix}"


def cidr_host(text: str, index: int) -> str:
    """Returns a host address of the range. Index 0 is the first usable address."""
    found = _range(text)
    edge = 1 if found.num_addresses > POINT_TO_POINT else 0
    if not 0 <= need(index, int) < found.num_addresses - 2 * edge:
        raise Mismatch(f"'{text}' has no host of index {index}")
    return str(found[index + edge])


FUNCTIONS = {
    "cidrhost": exactly(2, cidr_host),
    "cidrsubnet": exactly(3, cidr_subnet),
    "parsecidr": exactly(1, parse_cidr),
}
