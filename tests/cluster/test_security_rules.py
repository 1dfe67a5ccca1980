"""A pool's further security rules: what they may open, and that they open nothing else."""

from typing import Any

import pytest

from cluster.changes import change_faults
from cluster.faults import SpecRefusedError
from cluster.security_rules import LAST_PORT, OWN_PORTS
from cluster.spec_rules import parse_spec

INSIDE = ["10.0.0.0/16"]
POOLS = ("workers[0]", "etcd", "controlPlane")


def document(pool: str, *rules: dict[str, Any]) -> dict[str, Any]:
    own: dict[str, Any] = {"securityRules": list(rules)}
    if pool.startswith("workers"):
        return {"name": "demo", "workers": [{"name": "worker"} | own]}
    return {"name": "demo", pool: own}


def faults(pool: str, *rules: dict[str, Any]) -> list[tuple[str, str]]:
    """The path below the pool and the message of each fault."""
    try:
        parse_spec(document(pool, *rules))
    except SpecRefusedError as error:
        return [
            (fault.path.removeprefix(f"{pool}.securityRules"), fault.message)
            for fault in error.faults
        ]
    return []


@pytest.mark.parametrize("pool", POOLS)
def test_ports_are_numbers_or_texts_and_ranges(pool: str) -> None:
    rule = {"ports": [9100, "9200-9210", "65535"], "sources": [*INSIDE, "203.0.113.7/32"]}
    assert faults(pool, rule, rule | {"protocol": "udp"}) == []


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize(
    ("protocol", "port", "what"),
    [(protocol, port, what) for protocol, own in OWN_PORTS.items() for port, what in own.items()],
)
def test_a_port_of_slipways_own_is_refused_alone_and_within_a_range(
    pool: str, protocol: str, port: int, what: str
) -> None:
    for ports in (port, f"{port}-{port}", f"{port - 1}-{port + 1}", f"1-{LAST_PORT}"):
        rule = {"protocol": protocol, "ports": [ports], "sources": INSIDE}
        ((path, message),) = faults(pool, rule)
        assert path == "[0].ports[0]"
        assert f"{port} ({what})" in message
    beside = {"protocol": protocol, "ports": [f"{port + 1}-{port + 2}"], "sources": INSIDE}
    assert port == 2379 or faults(pool, beside) == []


def test_a_port_of_the_other_protocol_is_free() -> None:
    assert faults("etcd", {"protocol": "udp", "ports": ["22"], "sources": INSIDE}) == []
    assert faults("etcd", {"ports": ["8472"], "sources": INSIDE}) == []


@pytest.mark.parametrize(
    ("ports", "path"),
    [
        (["65536"], "[0].ports[0]"),
        (["80", "99999"], "[0].ports[1]"),
        (["9000-8000"], "[0].ports[0]"),
        (["80", "79-81"], "[0].ports[1]"),
        (["8000-9000", "8500"], "[0].ports[1]"),
        (["8500", "8000-9000"], "[0].ports[1]"),
        (["80", 80], "[0].ports[1]"),
        (["*"], "[0].ports[0]"),
        ([""], "[0].ports[0]"),
        ([0], "[0].ports[0]"),
        ([-80], "[0].ports[0]"),
        ([80.0], "[0].ports[0]"),
        ([True], "[0].ports[0]"),
        (["80,22"], "[0].ports[0]"),
        (["80-"], "[0].ports[0]"),
        (["80-90-100"], "[0].ports[0]"),
        (["٨٠"], "[0].ports[0]"),
        (["80\n"], "[0].ports[0]"),
        ([], "[0].ports"),
    ],
)
def test_ports_that_azure_would_refuse_or_read_otherwise_are_refused(
    ports: list[Any], path: str
) -> None:
    found = faults("workers[0]", {"ports": ports, "sources": INSIDE})
    assert [where for where, _ in found][:1] == [path]


@pytest.mark.parametrize(
    ("sources", "path"),
    [
        (["0.0.0.0/0"], "[0].sources[0]"),
        (["0.0.0.0/1", "128.0.0.0/1"], "[0].sources[0]"),
        (["8.0.0.0/8", "9.0.0.0/8"], "[0].sources"),
        (["10.0.0.0/8", "10.1.0.0/16"], "[0].sources[1]"),
        (["Internet"], "[0].sources[0]"),
        (["*"], "[0].sources[0]"),
        (["10.0.0.1/16"], "[0].sources[0]"),
        (["::/0"], "[0].sources[0]"),
        ([], "[0].sources"),
    ],
)
def test_sources_that_open_to_the_internet_or_overlap_are_refused(
    sources: list[str], path: str
) -> None:
    found = faults("etcd", {"ports": ["9100"], "sources": sources})
    assert path in [where for where, _ in found]


@pytest.mark.parametrize(
    "more",
    [{"protocol": "*"}, {"protocol": "icmp"}, {"access": "Deny"}, {"direction": "Outbound"},
     {"priority": 1}, {"destination": "*"}],
)  # fmt: skip
def test_a_rule_says_only_what_comes_in_where(more: dict[str, Any]) -> None:
    assert faults("etcd", {"ports": ["9100"], "sources": INSIDE} | more)


@pytest.mark.parametrize("pool", POOLS)
def test_rules_may_change_on_a_cluster_that_exists(pool: str) -> None:
    rule = {"ports": ["9100"], "sources": INSIDE}
    without, one = parse_spec(document(pool)), parse_spec(document(pool, rule))
    assert change_faults(without.document(), one) == []
    assert change_faults(one.document(), without) == []
    # A cluster that an older version built has no such field.
    old = without.document()
    for part in (*old["workers"], old["etcd"], old["controlPlane"]):
        del part["securityRules"]
    assert change_faults(old, one) == []
