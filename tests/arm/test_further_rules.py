"""Further security rules of a spec in the template: they open what they say, and nothing else."""

import itertools
from typing import Any

import pytest

from tests.arm.deployments import admits, deploy, of_type, plan, properties
from tests.arm.test_network import ADMITTED, GROUPS, PORTS, SOURCES

RULE = {"ports": ["9100", "9200-9210"], "sources": ["10.0.0.0/16", "203.0.113.0/24"]}
POOLS: dict[str, dict[str, Any]] = {
    "etcd": {"etcd": {"securityRules": [RULE]}},
    "control-plane": {"controlPlane": {"securityRules": [RULE]}},
    "worker": {"workers": [{"name": "worker", "securityRules": [RULE]}]},
}
OPENED = [("Tcp", 9100), ("Tcp", 9200), ("Tcp", 9210)]
CLOSED = [("Udp", 9100), ("Tcp", 9101), ("Tcp", 9199), ("Tcp", 9211)]


def groups(**spec: Any) -> dict[str, Any]:
    wanted = {"workers": [{"name": "worker"}]} | spec
    return of_type(deploy(plan(**wanted), "network"), GROUPS)


@pytest.mark.parametrize("pool", POOLS)
def test_a_rule_opens_its_ports_on_its_pool_to_its_sources_only(pool: str) -> None:
    found, before = groups(**POOLS[pool]), groups()
    for role, source in itertools.product(ADMITTED, SOURCES):
        inside = source not in ("function", "balancer")
        for port in OPENED:
            wanted = role == pool and inside
            assert admits(found[f"demo-{role}-nsg"], SOURCES[source], *port) == wanted
        for port in (*PORTS, *CLOSED):
            same = [admits(one[f"demo-{role}-nsg"], SOURCES[source], *port)
                    for one in (before, found)]  # fmt: skip
            assert same[0] == same[1], (role, source, port)


def test_each_worker_pool_has_its_own_rules_in_their_order() -> None:
    rules = [
        {"ports": [f"{port}"], "sources": ["10.0.0.0/8"], "protocol": "udp"} for port in (80, 81)
    ]
    found = groups(workers=[{"name": "a", "securityRules": rules}, {"name": "b"}])
    own = properties(found["demo-a-nsg"])["securityRules"]
    added = [rule for rule in own if rule["name"].startswith("FromSpec")]
    assert [(rule["name"], rule["properties"]["priority"]) for rule in added] == [
        ("FromSpec0", 1000),
        ("FromSpec1", 1001),
    ]
    assert {rule["properties"]["protocol"] for rule in added} == {"Udp"}
    names = [rule["name"] for rule in properties(found["demo-b-nsg"])["securityRules"]]
    assert not any(name.startswith("FromSpec") for name in names)


def test_a_plan_of_an_older_version_has_no_such_rules() -> None:
    """A run that is in flight during an upgrade deploys the plan that it stored."""
    wanted = plan(workers=[{"name": "worker"}])
    subnets = next(one for one in wanted.deployments if one.part == "network").parameters["subnets"]
    old = [{key: value for key, value in one.items() if key != "rules"} for one in subnets]
    evaluation = deploy(wanted, "network", subnets=old)
    assert {name: properties(group) for name, group in of_type(evaluation, GROUPS).items()} == {
        name: properties(group) for name, group in groups().items()
    }
