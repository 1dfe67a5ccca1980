"""The spec's further security rules of a pool: which of its ports others may reach. Pure.

Ports that Slipway opens itself are never among them: who reaches SSH, the API, etcd and kubelet
follows from other fields.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from cluster import forms
from cluster.faults import Fault
from cluster.model import Model
from cluster.sources import Cidr, source_faults

MAX_RULES, MAX_PORTS, MAX_SOURCES = 16, 16, 64
# Slipway's own rules have priorities below it.
FIRST_PRIORITY = 1000
LAST_PORT = 65535
# Who may reach these is decided elsewhere in the spec, or follows from the roles of machines.
OWN_PORTS: dict[str, dict[int, str]] = {
    "tcp": {
        22: "SSH",
        2379: "etcd",
        2380: "etcd's members",
        3333: "a node's report",
        6443: "the Kubernetes API",
        10250: "kubelet",
    },
    "udp": {8472: "the pod network"},
}
OWN_RULE = (
    "ports without those that Slipway opens itself; network.allowedSources opens SSH to the "
    "controller, controlPlane.publicApi the API"
)


def _port(value: object) -> object:
    """Accepts a number as well: 9100 for "9100"."""
    return str(value) if type(value) is int else value


Ports = Annotated[str, StringConstraints(pattern=forms.PORTS.pattern), BeforeValidator(_port)]


class SecurityRule(Model):
    """Lets networks reach ports of a pool's machines, such as those of pods on the host's
    network."""

    protocol: Literal["tcp", "udp"] = Field(
        default="tcp", description="Protocol of the ports.", examples=["tcp"]
    )
    ports: tuple[Ports, ...] = Field(
        min_length=1,
        max_length=MAX_PORTS,
        description="Ports, and ranges of ports, that do not overlap and that Slipway does not "
        "open itself.",
        examples=[["9100", "9200-9210"]],
    )
    sources: tuple[Cidr, ...] = Field(
        min_length=1,
        max_length=MAX_SOURCES,
        description="Who may reach them: IPv4 networks that do not overlap, with public addresses "
        "of a /8 at most.",
        examples=[["10.0.0.0/16"]],
    )


def rule_faults(path: str, rules: Sequence[SecurityRule]) -> Iterator[Fault]:
    """Yields the faults of a pool's rules. `path`: the pool's in the spec."""
    for index, rule in enumerate(rules):
        where = f"{path}.securityRules[{index}]"
        yield from _port_faults(f"{where}.ports", rule)
        yield from source_faults(f"{where}.sources", rule.sources, "these ports")


def _port_faults(path: str, rule: SecurityRule) -> Iterator[Fault]:
    seen: list[range] = []
    for index, text in enumerate(rule.ports):
        where, opened = f"{path}[{index}]", _range(text)
        if not opened or opened[-1] > LAST_PORT:
            yield Fault(
                path=where,
                message=f"{text} is not a port or a range of ports",
                allowed=f"1 to {LAST_PORT}, the smaller number first",
            )
            continue
        own = [f"{port} ({what})" for port, what in OWN_PORTS[rule.protocol].items()
               if port in opened]  # fmt: skip
        if own:
            message = f"{text} would open {rule.protocol} port {', '.join(own)}"
            yield Fault(path=where, message=message, allowed=OWN_RULE)
        if any(opened[0] in other or other[0] in opened for other in seen):
            yield Fault(
                path=where,
                message=f"{text} overlaps other ports of the rule",
                allowed="ports that do not overlap; Azure refuses such a security rule",
            )
        seen.append(opened)


def _range(text: str) -> range:
    """Returns the ports of "9100" or "9200-9210"; an empty range if the first is larger."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def rule_parameters(rules: Sequence[SecurityRule]) -> list[dict[str, Any]]:
    """Returns the rules as arm/cluster/network.json takes them."""
    return [
        {
            "name": f"FromSpec{index}",
            "priority": FIRST_PRIORITY + index,
            "protocol": rule.protocol.capitalize(),
            "ports": list(rule.ports),
            "sources": list(rule.sources),
        }
        for index, rule in enumerate(rules)
    ]
