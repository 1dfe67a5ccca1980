"""For any valid spec: addresses, slices and documents that agree. For any other: every fault."""

import json
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster import keys
from cluster.cloud_init import CloudInitNode, render_custom_data
from cluster.faults import SpecRefusedError
from cluster.inventory import render_inventory
from cluster.plan import Plan, make_plan
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec
from tests.cluster.specs import POOL_NAMES, documents, spoiled

TEMPLATES = Path(__file__).parents[2] / "arm/cluster"
# Azure Resource Manager: limits of one deployment.
RESOURCES, TEMPLATE_BYTES, PARAMETERS = 800, 4 * 1024 * 1024, 256
PRIVATE = keys.new_ssh_key()


def plan_of(document: dict[str, Any], subnets: dict[str, str] | None = None) -> Plan:
    spec = parse_spec(document)
    record = ClusterRecord(name=spec.name, uid="0a1b2c3d", generation=1, subnets=subnets or {})
    return make_plan(spec, record, [])


@given(documents())
def test_addresses_are_unique_and_inside_their_subnets_inside_the_network(
    document: dict[str, Any],
) -> None:
    plan = plan_of(document)
    found = [slot.address for slot in plan.slots] + [plan.api_address]
    assert len(found) == len(set(found))
    networks = {name: IPv4Network(cidr) for name, cidr in plan.subnets.items()}
    for slot in plan.slots:
        network = networks[slot.pool]
        first = int(network.network_address) + 4
        assert first <= int(IPv4Address(slot.address)) < int(network.broadcast_address)
    ranges = [*networks.values()]
    for number, network in enumerate(ranges):
        assert network.subnet_of(IPv4Network(plan.spec.network.vnet_cidr))
        assert not any(network.overlaps(other) for other in ranges[:number])
    names = [slot.name for slot in plan.slots]
    assert len(names) == len(set(names))
    assert all(len(name) <= 63 for name in names)


@given(documents(), st.lists(st.integers(0, 20), min_size=6, max_size=6), POOL_NAMES)
def test_nobody_moves_when_pools_grow_and_one_is_added(
    document: dict[str, Any], more: list[int], added: str
) -> None:
    before = plan_of(document)
    grown = [p | {"count": p["count"] + n} for p, n in zip(document["workers"], more, strict=False)]
    if added not in [pool["name"] for pool in grown]:
        grown.append({"name": added, "count": 1})
    pools = {pool["name"] for pool in document["workers"]}
    kept = {name: cidr for name, cidr in before.subnets.items() if name in pools}
    after = plan_of(document | {"workers": grown}, kept)
    old = {slot.name: slot.address for slot in before.slots}
    assert {s.name: s.address for s in after.slots if s.name in old} == old


@given(documents())
def test_every_slice_is_within_what_one_deployment_may_hold(document: dict[str, Any]) -> None:
    plan = plan_of(document)
    for deployment in plan.deployments:
        template = json.loads((TEMPLATES / f"{deployment.template}.json").read_text("utf-8"))
        count = len(deployment.nodes)
        assert count <= 100
        # A loop over nodes makes one of each; a loop over pools or zones is shorter than that.
        size = sum(
            len(json.dumps(r)) * (count if "copy" in r else 1) for r in template["resources"]
        )
        resources = sum(count if "copy" in r else 1 for r in template["resources"])
        assert resources <= RESOURCES
        parameters = dict(deployment.parameters)
        if deployment.template == "nodes":
            parameters["customData"] = [custom_data(plan, name) for name in deployment.nodes]
        size += len(json.dumps(parameters))
        assert size <= TEMPLATE_BYTES
        assert len(parameters) <= PARAMETERS
        assert set(deployment.parameters) <= set(template["parameters"])
        assert len(f"{plan.cluster}-{deployment.part}-{plan.generation:06d}") <= 64


def custom_data(plan: Plan, name: str) -> str:
    slot, proxy = plan.slot(name), plan.spec.proxy
    node = CloudInitNode(
        plan.cluster,
        name,
        slot.role,
        slot.address,
        PRIVATE,
        keys.public_half(PRIVATE),
        apt_mirror=plan.spec.package_mirror,
        http_proxy=proxy.http if proxy else None,
    )
    return render_custom_data(node)


@given(documents())
def test_inventory_and_templates_name_the_same_nodes_at_the_same_addresses(
    document: dict[str, Any],
) -> None:
    plan = plan_of(document)
    top = render_inventory(plan, "demo-000001-1")["all"]["children"]
    groups = {"controller": top["controller"], **top["cluster"]["children"]}
    hosts = {
        (name, host["slipway_address"], host["slipway_role"])
        for group in groups.values()
        for name, host in group["hosts"].items()
    }
    deployed = {
        (node["name"], node["address"], d.parameters.get("role", "controller"))
        for d in plan.deployments
        for node in d.parameters.get("nodes", ())
    }
    assert hosts == deployed == {(s.name, s.address, s.role) for s in plan.slots}
    network = next(d for d in plan.deployments if d.template == "network")
    declared = {subnet["name"]: subnet["cidr"] for subnet in network.parameters["subnets"]}
    assert declared == plan.subnets
    assert {d.parameters["subnet"] for d in plan.deployments if "subnet" in d.parameters} <= set(
        declared
    )


@given(spoiled())
def test_a_fault_is_reported_at_its_path_with_what_is_allowed(
    case: tuple[dict[str, Any], str],
) -> None:
    document, path = case
    with pytest.raises(SpecRefusedError) as refused:
        parse_spec(document)
    told = [fault for fault in refused.value.faults if fault.path.startswith(path)]
    assert told, refused.value.faults
    assert all(fault.message for fault in told)


@given(spoiled(), spoiled())
def test_two_faults_are_both_reported(
    one: tuple[dict[str, Any], str], two: tuple[dict[str, Any], str]
) -> None:
    (document, first), (other, second) = one, two
    place = second.split(".")[0]
    if place == first.split(".")[0]:
        return
    with pytest.raises(SpecRefusedError) as refused:
        parse_spec(document | {place: other[place]})
    paths = [fault.path for fault in refused.value.faults]
    assert any(path.startswith(first) for path in paths), (first, paths)
    assert any(path.startswith(second) for path in paths), (second, paths)
