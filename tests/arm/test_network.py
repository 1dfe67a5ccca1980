"""network.json evaluated: which traffic is allowed, and how the resources are connected."""

import itertools
from typing import Any

import pytest

from lab.testing.templates import Evaluation
from tests.arm.deployments import OWNER, PREFIX, admits, deploy, of_type, outputs, plan, properties

GROUPS = "Microsoft.Network/networkSecurityGroups"
SUBNETS = "Microsoft.Network/virtualNetworks/subnets"
FUNCTION = "20.1.2.3"
SOURCES = {
    "function": FUNCTION,
    "stranger": "203.0.113.7",
    "controller": "10.0.0.4",
    "control-plane": "10.0.1.4",
    "etcd": "10.0.2.4",
    "worker": "10.0.16.4",
    "balancer": "AzureLoadBalancer",
    "elsewhere in the network": "10.0.200.9",
}
NODE_PORTS = {
    (protocol, port): {"control-plane", "worker"}
    for protocol in ("Tcp", "Udp")
    for port in (30000, 30080, 32767)
}
# Each known port with those who may open it; every other port of `PORTS` is closed to all.
ADMITTED: dict[str, dict[tuple[str, int], set[str]]] = {
    "controller": {
        ("Tcp", 22): {"function"},
        ("Tcp", 8480): {"control-plane", "etcd", "worker"},
    },
    "control-plane": {
        ("Tcp", 22): {"controller"},
        ("Tcp", 3333): {"controller"},
        ("Tcp", 6443): {"controller", "control-plane", "worker", "balancer"},
        ("Tcp", 10250): {"control-plane", "worker"},
        ("Udp", 8472): {"control-plane", "worker"},
        **NODE_PORTS,
    },
    "etcd": {
        ("Tcp", 22): {"controller"},
        ("Tcp", 3333): {"controller"},
        ("Tcp", 2379): {"control-plane", "etcd"},
        ("Tcp", 2380): {"etcd"},
    },
    "worker": {
        ("Tcp", 22): {"controller"},
        ("Tcp", 3333): {"controller"},
        ("Tcp", 10250): {"control-plane", "worker"},
        ("Udp", 8472): {"control-plane", "worker"},
        **NODE_PORTS,
    },
}
PORTS = [
    *sorted({port for rules in ADMITTED.values() for port in rules}),
    ("Tcp", 80),
    ("Tcp", 443),
    ("Tcp", 10255),
    ("Tcp", 29999),
    ("Udp", 32768),
    ("Udp", 53),
    ("Tcp", 8472),
]


def network(**spec: Any) -> Evaluation:
    return deploy(plan(workers=[{"name": "worker", "count": 2}], **spec), "network")


def allowed(*sources: str) -> dict[str, Any]:
    return {"network": {"allowedSources": list(sources)}}


@pytest.mark.parametrize("role", ADMITTED)
@pytest.mark.parametrize(("protocol", "port"), PORTS)
def test_a_port_is_open_to_those_who_need_it_and_to_nobody_else(
    role: str, protocol: str, port: int
) -> None:
    group = of_type(network(**allowed(f"{FUNCTION}/32")), GROUPS)[f"demo-{role}-nsg"]
    found = {name for name, source in SOURCES.items() if admits(group, source, protocol, port)}
    assert found == ADMITTED[role].get((protocol, port), set())


@pytest.mark.parametrize("role", ADMITTED)
def test_icmp_passes_within_the_network_only(role: str) -> None:
    group = of_type(network(**allowed("0.0.0.0/0")), GROUPS)[f"demo-{role}-nsg"]
    assert admits(group, "10.0.200.9", "Icmp", 0)
    assert not admits(group, "203.0.113.7", "Icmp", 0)


def test_nobody_reaches_the_controller_where_no_source_is_allowed() -> None:
    group = of_type(network(), GROUPS)["demo-controller-nsg"]
    assert not any(admits(group, source, "Tcp", 22) for source in SOURCES.values())
    for rule in properties(group)["securityRules"]:
        sources = rule["properties"].get("sourceAddressPrefixes")
        assert sources is None or len(sources) > 0, "Azure refuses an empty list of sources"


def test_every_subnet_has_its_group_and_the_nat_gateway() -> None:
    evaluation = network()
    subnets = of_type(evaluation, SUBNETS)
    assert {name: properties(subnet)["addressPrefix"] for name, subnet in subnets.items()} == {
        "demo-vnet/controller": "10.0.0.0/24",
        "demo-vnet/control-plane": "10.0.1.0/24",
        "demo-vnet/etcd": "10.0.2.0/24",
        "demo-vnet/worker": "10.0.16.0/22",
    }
    for name, subnet in subnets.items():
        group = f"{PREFIX}{GROUPS}/demo-{name.removeprefix('demo-vnet/')}-nsg"
        assert properties(subnet)["networkSecurityGroup"] == {"id": group}
        assert properties(subnet)["natGateway"] == {
            "id": f"{PREFIX}Microsoft.Network/natGateways/demo-nat"
        }


def test_subnets_are_written_one_after_the_other() -> None:
    evaluation = network()
    subnets = list(of_type(evaluation, SUBNETS).values())
    for earlier, later in itertools.pairwise(subnets):
        assert earlier.id.lower() in later.depends_on


def test_the_balancer_waits_for_its_subnet() -> None:
    evaluation = network()
    balancer = of_type(evaluation, "Microsoft.Network/loadBalancers")["demo-api"]
    assert of_type(evaluation, SUBNETS)["demo-vnet/control-plane"].id.lower() in balancer.depends_on


def test_the_api_stands_behind_an_internal_balancer_that_probes_its_port() -> None:
    balancer = of_type(network(), "Microsoft.Network/loadBalancers")["demo-api"]
    assert balancer.body["sku"]["name"] == "Standard"
    frontend = properties(balancer)["frontendIPConfigurations"][0]
    assert "zones" not in frontend
    assert frontend["properties"]["privateIPAddress"] == "10.0.1.254"
    assert frontend["properties"]["subnet"]["id"] == f"{PREFIX}{SUBNETS}".replace(
        "virtualNetworks/subnets", "virtualNetworks/demo-vnet/subnets/control-plane"
    )
    probe = properties(balancer)["probes"][0]["properties"]
    assert probe == {
        "protocol": "Tcp",
        "port": 6443,
        "intervalInSeconds": 5,
        "probeThreshold": 2,
    }
    rule = properties(balancer)["loadBalancingRules"][0]["properties"]
    assert rule["enableTcpReset"] is True
    assert (rule["frontendPort"], rule["backendPort"]) == (6443, 6443)
    own = f"{PREFIX}Microsoft.Network/loadBalancers/demo-api"
    assert rule["frontendIPConfiguration"]["id"] == f"{own}/frontendIPConfigurations/api"
    assert rule["backendAddressPool"]["id"] == f"{own}/backendAddressPools/control-plane"
    assert rule["probe"]["id"] == f"{own}/probes/port"


def test_the_frontend_takes_the_zones_it_is_given() -> None:
    evaluation = deploy(plan(), "network", zones=["1", "2", "3"])
    balancer = of_type(evaluation, "Microsoft.Network/loadBalancers")["demo-api"]
    assert properties(balancer)["frontendIPConfigurations"][0]["zones"] == ["1", "2", "3"]


def test_outputs_are_the_addresses_that_others_need() -> None:
    addresses = {
        "demo-controller-ip": {"ipAddress": "198.51.100.1"},
        "demo-nat-ip": {"ipAddress": "198.51.100.2"},
        "demo-api": {
            "frontendIPConfigurations": [{"properties": {"privateIPAddress": "10.0.1.254"}}]
        },
    }
    assert outputs(network(), lambda target: addresses[target.rsplit("/", 1)[-1]]) == {
        "controllerPublicAddress": "198.51.100.1",
        "natAddress": "198.51.100.2",
        "apiAddress": "10.0.1.254",
        "apiPublicAddress": "",
    }


OFFICE = "198.51.100.77"
BALANCERS = "Microsoft.Network/loadBalancers"


def public(**spec: Any) -> Evaluation:
    return network(controlPlane={"publicApi": {"allowedSources": [f"{OFFICE}/32"]}}, **spec)


def test_a_public_frontend_admits_its_sources_to_the_api_and_to_nothing_else() -> None:
    groups = of_type(public(**allowed(f"{FUNCTION}/32")), GROUPS)
    for role in ADMITTED:
        opened = {port for port in PORTS if admits(groups[f"demo-{role}-nsg"], OFFICE, *port)}
        assert opened == ({("Tcp", 6443)} if role == "control-plane" else set())
    for stranger in (FUNCTION, SOURCES["stranger"]):
        assert not admits(groups["demo-control-plane-nsg"], stranger, "Tcp", 6443)


def test_the_public_balancer_has_an_address_of_its_own_and_the_same_probe_and_rule() -> None:
    evaluation = public(zones=["1", "2", "3"])
    inner, outer = (of_type(evaluation, BALANCERS)[f"demo-api{x}"] for x in ("", "-public"))
    (frontend,) = properties(outer)["frontendIPConfigurations"]
    address = f"{PREFIX}Microsoft.Network/publicIPAddresses/demo-api-public-ip"
    assert frontend == {"name": "api", "properties": {"publicIPAddress": {"id": address}}}
    assert address.lower() in outer.depends_on
    assert outer.body["sku"] == inner.body["sku"]
    assert properties(outer)["probes"] == properties(inner)["probes"]
    rules = [properties(b)["loadBalancingRules"][0]["properties"] for b in (inner, outer)]
    own = f"{PREFIX}{BALANCERS}/demo-api-public"
    for name, kind in (
        ("frontendIPConfiguration", "frontendIPConfigurations/api"),
        ("backendAddressPool", "backendAddressPools/control-plane"),
        ("probe", "probes/port"),
    ):
        assert rules[1].pop(name) == {"id": f"{own}/{kind}"}
        rules[0].pop(name)
    assert rules[0] == rules[1]
    assert rules[1]["disableOutboundSnat"] is True, "the NAT gateway is the way out"


def test_no_public_frontend_without_allowed_sources() -> None:
    assert set(of_type(network(), BALANCERS)) == {"demo-api"}
    addresses = of_type(network(), "Microsoft.Network/publicIPAddresses")
    assert set(addresses) == {"demo-controller-ip", "demo-nat-ip"}


def test_the_public_frontends_address_is_an_output() -> None:
    found = outputs(public(), lambda target: {
        "ipAddress": target.rsplit("/", 1)[-1],
        "frontendIPConfigurations": [{"properties": {"privateIPAddress": "10.0.1.254"}}],
    })  # fmt: skip
    assert found["apiPublicAddress"] == "demo-api-public-ip"


def test_each_worker_pool_has_a_subnet_and_a_group_of_its_own() -> None:
    pools = [{"name": "small", "count": 1}, {"name": "large", "count": 1}]
    evaluation = deploy(plan(workers=pools), "network")
    assert {"demo-small-nsg", "demo-large-nsg"} <= set(of_type(evaluation, GROUPS))
    assert {"demo-vnet/small", "demo-vnet/large"} <= set(of_type(evaluation, SUBNETS))
    group = of_type(evaluation, GROUPS)["demo-small-nsg"]
    other = properties(of_type(evaluation, SUBNETS)["demo-vnet/large"])["addressPrefix"]
    assert admits(group, other.replace(".0/22", ".9"), "Udp", 8472)
    assert group.body["tags"]["slipway-pool"] == "small"


def test_a_cluster_without_workers_is_a_network_without_their_subnets() -> None:
    wanted = plan()
    base = [s for s in wanted.deployments[0].parameters["subnets"] if s["role"] != "worker"]
    evaluation = deploy(wanted, "network", subnets=base)
    assert len(of_type(evaluation, SUBNETS)) == 3
    assert len(of_type(evaluation, GROUPS)) == 3


def test_the_specs_tags_are_on_everything_that_has_tags() -> None:
    for resource in network(tags={"owner": "platform"}).resources:
        if resource.type != SUBNETS:
            assert resource.body["tags"]["owner"] == "platform"
            assert resource.body["tags"].items() >= OWNER.tags.items()


def test_a_second_evaluation_gives_the_same_resources() -> None:
    assert network().resources == network().resources
