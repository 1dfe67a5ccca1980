"""A virtual network as one nftables table of its router, replaced in one transaction.

Security groups: the source subnet's outbound rules and the target subnet's inbound rules apply by
priority, then Azure's default rules; the rules are stateful. Load balancers: flows are hashed over
the healthy backends. Public addresses: they are translated to the address of their interface.
"""

from collections.abc import Iterator, Mapping

from cluster.spec import Kubernetes
from lab.fabric import WIRE_SERVER, Rule, Subnet, VirtualNetwork

ANY = ("*", "0.0.0.0/0", "Any")
# Azure has no route to the addresses of pods and services and drops what nobody on a node claims.
# Without this, the host would send it to its own network.
UNROUTED = f"{{ {Kubernetes().pod_cidr}, {Kubernetes().service_cidr} }}"


def ruleset(
    network: VirtualNetwork, healthy: Mapping[str, tuple[str, ...]], table: str, uplink: str
) -> str:
    """Returns the input of `nft -f -`.

    Args:
        network: the wanted network.
        healthy: the backends that pass the probe, by balancer id.
        table: the table's name.
        uplink: the router's link to the world outside of the network.
    """
    lines = [f"table ip {table}", f"delete table ip {table}", f"table ip {table} {{"]
    for index, subnet in enumerate(network.subnets):
        for direction in ("Inbound", "Outbound"):
            lines.append(f"  chain {direction.lower()}_{index} {{")
            lines += [f"    {line}" for line in _rules(subnet, direction, network)]
            lines.append("  }")
    inbound = _jumps(network, "daddr", "inbound")
    outbound = _jumps(network, "saddr", "outbound")
    lines += ["  chain forward {", "    type filter hook forward priority 0; policy accept;"]
    lines.append("    ct state established,related accept")
    # A cluster with other ranges of its own may have its network in these.
    routed = f"ip daddr != {{ {', '.join(network.ranges)} }} " if network.ranges else ""
    lines.append(f"    ip daddr {UNROUTED} {routed}drop")
    for balancer in network.balancers:
        # Azure drops a flow that its load balancer sends back to the sender.
        lines += [f"    ip saddr {b} ip daddr {b} drop" for b in balancer.backends]
    lines += [*outbound, *inbound, "  }"]
    lines += ["  chain output {", "    type filter hook output priority 0; policy accept;"]
    lines += ["    ct state established,related accept", *inbound, "  }"]
    lines += ["  chain nat_prerouting {", "    type nat hook prerouting priority -100;"]
    lines += [f"    {line}" for line in _translations(network, healthy)]
    lines += ["  }", "  chain nat_postrouting {", "    type nat hook postrouting priority 100;"]
    lines += [
        f'    ip saddr {subnet.cidr} oifname "{uplink}" masquerade'
        for subnet in network.subnets
        if subnet.nat
    ]
    lines += ["  }", "}"]
    return "\n".join(lines) + "\n"


def _jumps(network: VirtualNetwork, field: str, chain: str) -> list[str]:
    if not network.subnets:
        return []
    targets = ", ".join(f"{s.cidr} : jump {chain}_{i}" for i, s in enumerate(network.subnets))
    return [f"    ip {field} vmap {{ {targets} }}"]


def _translations(network: VirtualNetwork, healthy: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for address in network.addresses:
        yield f"ip daddr {address.address} dnat to {address.private}"
    for balancer in network.balancers:
        alive = healthy.get(balancer.id, ())
        if not alive:
            continue
        match = f"ip daddr {balancer.frontend} tcp dport {balancer.port}"
        targets = ", ".join(f"{i} : {b} . {balancer.backend_port}" for i, b in enumerate(alive))
        spread = f"jhash ip saddr . tcp sport mod {len(alive)}"
        yield f"{match} dnat ip to {spread} map {{ {targets} }}"


def _rules(subnet: Subnet, direction: str, network: VirtualNetwork) -> Iterator[str]:
    """Yields the rules of a subnet. `return` passes a packet to the next check; `drop` discards
    it."""
    wanted = [rule for rule in subnet.rules if rule.direction.lower() == direction.lower()]
    for rule in sorted(wanted, key=lambda rule: rule.priority):
        yield from _rule(rule, network)
    yield from _defaults(direction, network)


def _defaults(direction: str, network: VirtualNetwork) -> Iterator[str]:
    inside = ", ".join(network.ranges)
    if direction == "Inbound":
        if inside:
            yield f"ip saddr {{ {inside} }} ip daddr {{ {inside} }} return"
        yield f"ip saddr {WIRE_SERVER} return"
        yield "drop"
    else:
        yield "return"  # AllowVnetOutBound and AllowInternetOutBound together allow all traffic


def _rule(rule: Rule, network: VirtualNetwork) -> Iterator[str]:
    parts = [
        *_addresses("saddr", rule.sources, network),
        *_addresses("daddr", rule.destinations, network),
    ]
    verdict = "return" if rule.access.lower() == "allow" else "drop"
    protocol = rule.protocol.lower()
    ports = [*_ports("sport", rule.source_ports), *_ports("dport", rule.destination_ports)]
    if protocol in ("tcp", "udp"):
        match = ports or [f"ip protocol {protocol}"]
        parts += [text.replace("PROTO", protocol) for text in match]
    elif protocol == "icmp":
        parts.append("ip protocol icmp")
    elif ports:
        parts += ["meta l4proto { tcp, udp }", *(text.replace("PROTO", "th") for text in ports)]
    yield " ".join([*parts, verdict])


def _addresses(field: str, values: tuple[str, ...], network: VirtualNetwork) -> list[str]:
    found: list[str] = []
    for value in values:
        if value in ANY:
            return []
        if value == "AzureLoadBalancer":
            found.append(WIRE_SERVER)
        elif value == "VirtualNetwork":
            found += network.ranges
        elif value == "Internet":
            return [f"ip {field} != {{ {', '.join(network.ranges)} }}"] if network.ranges else []
        else:
            found.append(value)
    return [f"ip {field} {{ {', '.join(dict.fromkeys(found))} }}"] if found else []


def _ports(field: str, values: tuple[str, ...]) -> list[str]:
    if not values or "*" in values:
        return []
    return [f"PROTO {field} {{ {', '.join(values)} }}"]
