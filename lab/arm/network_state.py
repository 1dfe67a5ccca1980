"""Converts the stored network resources to the fabric's model."""

from typing import Any

from lab.arm import kinds
from lab.arm.addresses import configurations
from lab.arm.state import ArmState
from lab.fabric import LoadBalancer, NetworkState, PublicAddress, Rule, Subnet


def network_state(state: ArmState) -> NetworkState:
    """Returns the whole network in its present state."""
    with state.lock:
        vnets = [
            prefix
            for vnet in state.of_type(kinds.NETWORK)
            for prefix in vnet["properties"]["addressSpace"]["addressPrefixes"]
        ]
        return NetworkState(
            vnets=tuple(vnets),
            subnets=tuple(_subnet(state, s) for s in state.of_type(kinds.SUBNET)),
            addresses=tuple(
                PublicAddress(p["id"], p["properties"]["ipAddress"], _private(state, p["id"]))
                for p in state.of_type(kinds.PUBLIC_ADDRESS)
            ),
            balancers=tuple(
                balancer
                for lb in state.of_type(kinds.BALANCER)
                for balancer in _balancers(state, lb)
            ),
        )


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


def _private(state: ArmState, public: str) -> str | None:
    for _, config in configurations(state):
        if (config.get("publicIPAddress") or {}).get("id", "").lower() == public.lower():
            return config["privateIPAddress"]
    return None


def _balancers(state: ArmState, lb: dict[str, Any]) -> list[LoadBalancer]:
    properties = lb["properties"]
    frontends = {f["name"]: f["properties"] for f in properties["frontendIPConfigurations"]}
    probes = {p["name"]: p["properties"] for p in properties.get("probes", [])}
    found: list[LoadBalancer] = []
    for rule in properties.get("loadBalancingRules", []):
        p = rule["properties"]
        pool = p["backendAddressPool"]["id"].lower()
        backends = [
            config["privateIPAddress"]
            for _, config in configurations(state)
            for member in config.get("loadBalancerBackendAddressPools", [])
            if member["id"].lower() == pool
        ]
        probe = probes[p["probe"]["id"].rpartition("/")[2]]
        frontend = frontends[p["frontendIPConfiguration"]["id"].rpartition("/")[2]]
        public = state.get((frontend.get("publicIPAddress") or {}).get("id", ""))
        found.append(
            LoadBalancer(
                id=f"{lb['id']}/{rule['name']}",
                frontend=public["properties"]["ipAddress"]
                if public
                else frontend["privateIPAddress"],
                port=p["frontendPort"],
                backend_port=p["backendPort"],
                backends=tuple(sorted(backends)),
                probe_protocol=probe["protocol"],
                probe_port=probe["port"],
                probe_path=probe.get("requestPath"),
                interval_s=probe.get("intervalInSeconds", 15),
            )
        )
    return found
