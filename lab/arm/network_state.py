"""Converts the stored network resources to the fabric's model."""

from collections.abc import Iterator
from typing import Any

from lab.arm import kinds
from lab.arm.addresses import configurations, network_of
from lab.arm.state import ArmState
from lab.fabric import LoadBalancer, NetworkState, PublicAddress, Rule, Subnet, VirtualNetwork


def network_state(state: ArmState) -> NetworkState:
    """Returns all networks in their present state."""
    with state.lock:
        return NetworkState(
            networks=tuple(_network(state, network) for network in state.of_type(kinds.NETWORK))
        )


def _network(state: ArmState, network: dict[str, Any]) -> VirtualNetwork:
    identity = network["id"].lower()
    return VirtualNetwork(
        id=identity,
        ranges=tuple(network["properties"]["addressSpace"]["addressPrefixes"]),
        subnets=tuple(
            _subnet(state, s)
            for s in state.of_type(kinds.SUBNET)
            if network_of(s["id"]) == identity
        ),
        addresses=tuple(_public_addresses(state, identity)),
        balancers=tuple(
            balancer
            for lb in state.of_type(kinds.BALANCER)
            for balancer in _balancers(state, lb, identity)
        ),
    )


def _public_addresses(state: ArmState, network: str) -> Iterator[PublicAddress]:
    for _, config in configurations(state):
        public = state.get((config.get("publicIPAddress") or {}).get("id", ""))
        if public and _inside(config, network):
            address = public["properties"]["ipAddress"]
            yield PublicAddress(public["id"], address, config["privateIPAddress"])


def _inside(config: dict[str, Any], network: str) -> bool:
    return network_of((config.get("subnet") or {}).get("id", "")) == network


def _subnet(state: ArmState, subnet: dict[str, Any]) -> Subnet:
    properties = subnet["properties"]
    nsg = state.get((properties.get("networkSecurityGroup") or {}).get("id", ""))
    rules = nsg["properties"].get("securityRules", []) if nsg else []
    return Subnet(
        id=subnet["id"],
        cidr=properties["addressPrefix"],
        rules=tuple(_rule(rule) for rule in rules),
        nat="natGateway" in properties,
    )


def _rule(rule: dict[str, Any]) -> Rule:
    p = rule["properties"]

    def several(name: str) -> tuple[str, ...]:
        one = p.get(name)
        many = p.get(f"{name}s") or p.get(f"{name}es") or []
        return (one,) if one else tuple(many)

    return Rule(
        name=rule["name"],
        priority=p["priority"],
        direction=p["direction"],
        access=p["access"],
        protocol=p["protocol"],
        sources=several("sourceAddressPrefix"),
        source_ports=several("sourcePortRange"),
        destinations=several("destinationAddressPrefix"),
        destination_ports=several("destinationPortRange"),
    )


def _balancers(state: ArmState, lb: dict[str, Any], network: str) -> Iterator[LoadBalancer]:
    """Yields the balancer's rules that lead into the network: where a private frontend is, or the
    backends of a public one."""
    properties = lb["properties"]
    frontends = {f["name"]: f["properties"] for f in properties["frontendIPConfigurations"]}
    probes = {p["name"]: p["properties"] for p in properties.get("probes", [])}
    for rule in properties.get("loadBalancingRules", []):
        p = rule["properties"]
        pool = p["backendAddressPool"]["id"].lower()
        backends = [
            config["privateIPAddress"]
            for _, config in configurations(state)
            for member in config.get("loadBalancerBackendAddressPools", [])
            if member["id"].lower() == pool and _inside(config, network)
        ]
        probe = probes[p["probe"]["id"].rpartition("/")[2]]
        frontend = frontends[p["frontendIPConfiguration"]["id"].rpartition("/")[2]]
        public = state.get((frontend.get("publicIPAddress") or {}).get("id", ""))
        if not (backends if public else _inside(frontend, network)):
            continue
        yield LoadBalancer(
            id=f"{lb['id']}/{rule['name']}",
            frontend=public["properties"]["ipAddress"] if public else frontend["privateIPAddress"],
            port=p["frontendPort"],
            backend_port=p["backendPort"],
            backends=tuple(sorted(backends)),
            probe_protocol=probe["protocol"],
            probe_port=probe["port"],
            probe_path=probe.get("requestPath"),
            interval_s=probe.get("intervalInSeconds", 15),
        )
