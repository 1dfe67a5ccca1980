"""Who may reach an address from outside: rules for lists of networks, and how two lists are merged.

Azure refuses a security rule with networks that overlap, the same one twice included
(OverlappingSubnetsNotPermittedInSecurityRule).
"""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Network, collapse_addresses
from typing import Annotated

from pydantic import AfterValidator, Field

from cluster.faults import Fault

PRIVATE = tuple(
    IPv4Network(c) for c in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
# "This network", loopback, link-local, multicast and reserved addresses (RFC 6890): no host in
# another network sends from them.
NO_SOURCES = tuple(
    IPv4Network(c)
    for c in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")
)
# Whoever allows more of the internet than this does not mean a list.
LARGEST_SOURCE = 8
OPEN_RULE = (
    f"networks that hold no more public addresses than one /{LARGEST_SOURCE}, such as an office's "
    "/32"
)


def _cidr(value: str) -> str:
    try:
        return str(IPv4Network(value, strict=True))
    except ValueError as error:
        raise ValueError(f"not an IPv4 network: {error}") from None


Cidr = Annotated[str, AfterValidator(_cidr), Field(examples=["10.0.0.0/16"])]


def source_faults(path: str, sources: Sequence[str], what: str) -> Iterator[Fault]:
    """Yields the faults of a list of sources.

    Args:
        path: the list's path in the spec.
        sources: well-formed IPv4 networks.
        what: what the list opens, for the message.
    """
    networks = [IPv4Network(cidr) for cidr in sources]
    for index, network in enumerate(networks):
        where = f"{path}[{index}]"
        if is_open([network]):
            message = f"{network} would open {what} to the internet"
            yield Fault(path=where, message=message, allowed=OPEN_RULE)
            continue
        if unusable := next((one for one in NO_SOURCES if network.subnet_of(one)), None):
            message = f"nothing comes from {network}: {unusable} is reserved"
            yield Fault(path=where, message=message, allowed="addresses of hosts in a network")
            continue
        for earlier, other in enumerate(networks[:index]):
            if network.overlaps(other):
                verb = "is the same as" if network == other else "overlaps"
                yield Fault(
                    path=where,
                    message=f"{network} {verb} {path}[{earlier}] ({other})",
                    allowed="networks that do not overlap; Azure refuses such a security rule",
                )
                break
    if is_open(networks) and not any(is_open([network]) for network in networks):
        message = f"its networks together would open {what} to the internet"
        yield Fault(path=path, message=message, allowed=OPEN_RULE)


def is_open(networks: Iterable[IPv4Network]) -> bool:
    """Whether the networks together hold more public addresses than one /8."""
    public = 0
    for network in collapse_addresses(networks):
        inside = [private for private in PRIVATE if private.subnet_of(network)]
        if not any(network.subnet_of(private) for private in PRIVATE):
            public += network.num_addresses - sum(p.num_addresses for p in inside)
    return public > 2 ** (32 - LARGEST_SOURCE)


def merged(*lists: Iterable[str]) -> list[str]:
    """Returns the networks of all lists, without those that another one of them covers."""
    found = sorted({IPv4Network(cidr) for cidrs in lists for cidr in cidrs})
    return [
        str(network)
        for network in found
        if not any(network != other and network.subnet_of(other) for other in found)
    ]
