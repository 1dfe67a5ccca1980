"""The plan: addresses unique, inside their subnets, and unmoved when pools grow."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster import addresses
from cluster.inventory import render_inventory
from cluster.plan import NODES_PER_DEPLOYMENT, host_key_chunks, make_plan, sizes_by_family
from cluster.record import ClusterRecord
from cluster.spec import ClusterSpec
from cluster.spec_rules import parse_spec

ODD = st.sampled_from([1, 3, 5])
POOLS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "gpu", "big"]), st.integers(0, 150)),
    max_size=4,
    unique_by=lambda pool: pool[0],
)


def spec_of(etcd: int, control: int, pools: list[tuple[str, int]]) -> ClusterSpec:
    return parse_spec(
        {
            "name": "demo",
            "kubernetes": {"podCidr": "172.16.0.0/14"},
            "etcd": {"count": etcd},
            "controlPlane": {"count": control},
            "workers": [{"name": name, "count": count} for name, count in pools],
        }
    )


def record(**changes: object) -> ClusterRecord:
    return ClusterRecord(name="demo", uid="u", generation=1).model_copy(update=changes)


@given(ODD, ODD, POOLS)
def test_addresses_are_unique_inside_their_subnets_and_after_the_reserved_ones(
    etcd: int, control: int, pools: list[tuple[str, int]]
) -> None:
    spec = spec_of(etcd, control, pools)
    plan = make_plan(spec, record(), [])
    found = [slot.address for slot in plan.slots]
    assert len(found) == len(set(found))
    assert plan.api_address not in found
    for slot in plan.slots:
        network = IPv4Network(plan.subnets[slot.pool])
        address = IPv4Address(slot.address)
        assert address in network
        assert int(address) == int(network.network_address) + slot.index + 4
        assert address != network.broadcast_address


@given(ODD, ODD, POOLS, st.integers(1, 50))
def test_a_grown_pool_moves_nobody_and_only_the_new_nodes_are_deployed(
    etcd: int, control: int, pools: list[tuple[str, int]], more: int
) -> None:
    before = make_plan(spec_of(etcd, control, pools), record(), [])
    grown = [(name, count + more) for name, count in pools] + [("new", 1)]
    kept = {name: before.subnets[name] for name, _ in pools}
    existing = [slot.name for slot in before.slots]
    after = make_plan(spec_of(etcd, control, grown), record(subnets=kept), existing)
    old = {slot.name: slot.address for slot in before.slots}
    assert {s.name: s.address for s in after.slots if s.name in old} == old
    assert set(after.missing).isdisjoint(existing)
    deployed = {name for d in after.deployments for name in d.nodes}
    assert deployed == set(after.missing)


@given(ODD, ODD, POOLS)
def test_every_missing_node_is_in_exactly_one_slice_within_the_limit(
    etcd: int, control: int, pools: list[tuple[str, int]]
) -> None:
    plan = make_plan(spec_of(etcd, control, pools), record(), [])
    nodes = [name for d in plan.deployments for name in d.nodes]
    assert sorted(nodes) == sorted(slot.name for slot in plan.slots)
    assert all(len(d.nodes) <= NODES_PER_DEPLOYMENT for d in plan.deployments)
    parts = [d.part for d in plan.deployments]
    assert len(parts) == len(set(parts))
    assert sum(sizes_by_family(plan).values()) == len(plan.slots)


@given(ODD, ODD, POOLS)
def test_inventory_and_templates_agree(
    etcd: int, control: int, pools: list[tuple[str, int]]
) -> None:
    plan = make_plan(spec_of(etcd, control, pools), record(), [])
    groups = render_inventory(plan, "demo-000001-1")["all"]["children"]["cluster"]["children"]
    hosts = {
        name: host["ansible_host"]
        for group in groups.values()
        for name, host in group["hosts"].items()
    }
    deployed = {
        node["name"]: node["address"]
        for d in plan.deployments
        if d.template == "nodes"
        for node in d.parameters["nodes"]
    }
    assert hosts == deployed


def test_a_nodes_host_key_stays_in_its_secret_when_other_pools_grow() -> None:
    small = host_key_chunks(make_plan(spec_of(3, 1, [("a", 2), ("b", 2)]), record(), []))
    large = host_key_chunks(make_plan(spec_of(3, 1, [("a", 90), ("b", 2)]), record(), []))
    assert set(small) <= set(large)


def test_a_network_without_room_for_a_pool_is_reported() -> None:
    spec = ClusterSpec.model_validate({"name": "demo", "network": {"vnetCidr": "10.0.0.0/22"}})
    with pytest.raises(addresses.NoRoomError, match="worker"):
        addresses.pool_subnets(spec, {})


def test_the_inventory_has_the_labels_and_taints_of_each_pool() -> None:
    pool = {
        "name": "gpu",
        "count": 1,
        "labels": {"tier": "ml"},
        "taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}],
    }
    spec = parse_spec({"name": "demo", "workers": [pool]})
    inventory = render_inventory(make_plan(spec, record(), []), "demo-000001-1")
    workers = inventory["all"]["children"]["cluster"]["children"]["workers"]["hosts"]
    assert workers["demo-gpu-0"]["slipway_labels_and_taints"] == {
        "labels": {
            "tier": "ml",
            "node-role.kubernetes.io/worker": "",
            "slipway.dev/pool": "gpu",
        },
        "taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}],
    }
