"""Network resources: addresses checked as Azure checks them, and the whole state for the fabric."""

from ipaddress import IPv4Address, IPv4Network
from typing import Any

from lab.arm.errors import ArmError
from lab.arm.state import ArmState
from lab.arm.template import Concrete
from lab.fabric import LoadBalancer, NetworkState, PublicAddress, Rule, Subnet

FIRST_PUBLIC = IPv4Address("198.18.0.10")
LAST_PUBLIC = IPv4Address("198.18.0.250")


def check_network(state: ArmState, concrete: Concrete) -> None:
    """What Azure would refuse about this resource beside its shape."""
    kind = concrete.type.lower().partition("/")[2]
    properties = concrete.body.get("properties") or {}
    if kind == "virtualnetworks" and "subnets" in properties:
        _check_inline_subnets(state, concrete)
    elif kind == "virtualnetworks/subnets":
        _check_subnet(state, concrete)
    elif kind == "networkinterfaces":
        _check_interface(state, concrete)


def fill_in(state: ArmState, concrete: Concrete, properties: dict[str, Any]) -> None:
    """What the service itself decides: a public address."""
    if concrete.type.lower() == "microsoft.network/publicipaddresses":
        old = state.get(concrete.id)
        taken = {
            r["properties"].get("ipAddress")
            for r in state.of_type("microsoft.network/publicipaddresses")
        }
        address = (old or {}).get("properties", {}).get("ipAddress")
        candidate = FIRST_PUBLIC
        while address is None:
            if candidate > LAST_PUBLIC:
                raise ArmError(409, "PublicIPCountLimitReached", "no public address is left")
            if str(candidate) not in taken:
                address = str(candidate)
            candidate += 1
        properties["ipAddress"] = address


def _check_inline_subnets(state: ArmState, concrete: Concrete) -> None:
    named = {s["name"].lower() for s in concrete.body["properties"]["subnets"]}
    prefix = f"{concrete.id.lower()}/subnets/"
    for resource in state.of_type("microsoft.network/virtualnetworks/subnets"):
        identity = resource["id"].lower()
        if identity.startswith(prefix) and identity.removeprefix(prefix) not in named:
            if _users(state, identity):
                raise ArmError(
                    400, "InUseSubnetCannotBeDeleted", f"Subnet {resource['name']} is in use."
                )
            del state.resources[identity]


def _users(state: ArmState, subnet: str) -> list[str]:
    return [
        nic["name"]
        for nic in state.of_type("microsoft.network/networkinterfaces")
        for config in nic["properties"]["ipConfigurations"]
        if config["properties"]["subnet"]["id"].lower() == subnet
    ]


def _check_subnet(state: ArmState, concrete: Concrete) -> None:
    vnet = state.get(concrete.id.rpartition("/subnets/")[0])
    if vnet is None:
        raise ArmError(
            404, "ParentResourceNotFound", f"the network of '{concrete.name}' is missing"
        )
    prefix = IPv4Network(concrete.body["properties"]["addressPrefix"])
    spaces = [IPv4Network(p) for p in vnet["properties"]["addressSpace"]["addressPrefixes"]]
    if not any(prefix.subnet_of(space) for space in spaces):
        raise ArmError(
            400,
            "NetcfgSubnetRangeOutsideVnet",
            f"'{concrete.name}' is outside of its network",
        )
    for other in state.of_type("microsoft.network/virtualnetworks/subnets"):
        same = other["id"].lower() == concrete.id.lower()
        if same or not other["id"].lower().startswith(vnet["id"].lower() + "/"):
            continue
        if prefix.overlaps(IPv4Network(other["properties"]["addressPrefix"])):
            raise ArmError(
                400,
                "NetcfgSubnetRangesOverlap",
                f"'{concrete.name}' overlaps '{other['name']}'",
            )


def _check_interface(state: ArmState, concrete: Concrete) -> None:
    for config in concrete.body["properties"]["ipConfigurations"]:
        properties = config["properties"]
        subnet = state.get(properties["subnet"]["id"])
        if subnet is None:
            raise ArmError(400, "InvalidResourceReference", f"'{concrete.name}': no such subnet")
        network = IPv4Network(subnet["properties"]["addressPrefix"])
        address = IPv4Address(properties["privateIPAddress"])
        reserved = {network.network_address + n for n in range(4)} | {network.broadcast_address}
        if address not in network or address in reserved:
            raise ArmError(
                400,
                "PrivateIPAddressNotInSubnet"
                if address not in network
                else "PrivateIPAddressInReservedRange",
                f"{address} cannot be used in {network}",
            )
        for nic in state.of_type("microsoft.network/networkinterfaces"):
            if nic["id"].lower() == concrete.id.lower():
                continue
            for other in nic["properties"]["ipConfigurations"]:
                same = other["properties"]["subnet"]["id"].lower() == subnet["id"].lower()
                if same and other["properties"]["privateIPAddress"] == str(address):
                    raise ArmError(
                        400, "PrivateIPAddressIsAllocated", f"{address} belongs to {nic['name']}"
                    )


def network_state(state: ArmState) -> NetworkState:
    """The whole network as it stands now."""
    with state.lock:
        vnets = [
            prefix
            for vnet in state.of_type("microsoft.network/virtualnetworks")
            for prefix in vnet["properties"]["addressSpace"]["addressPrefixes"]
        ]
        return NetworkState(
            vnets=tuple(vnets),
            subnets=tuple(
                _subnet(state, s)
                for s in state.of_type("microsoft.network/virtualnetworks/subnets")
            ),
            addresses=tuple(
                PublicAddress(p["id"], p["properties"]["ipAddress"], _private(state, p["id"]))
                for p in state.of_type("microsoft.network/publicipaddresses")
            ),
            balancers=tuple(
                balancer
                for lb in state.of_type("microsoft.network/loadbalancers")
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


def _configurations(state: ArmState) -> list[dict[str, Any]]:
    return [
        config["properties"]
        for nic in state.of_type("microsoft.network/networkinterfaces")
        for config in nic["properties"]["ipConfigurations"]
    ]


def _private(state: ArmState, public: str) -> str | None:
    for config in _configurations(state):
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
            for config in _configurations(state)
            for member in config.get("loadBalancerBackendAddressPools", [])
            if member["id"].lower() == pool
        ]
        probe = probes[p["probe"]["id"].rpartition("/")[2]]
        frontend = frontends[p["frontendIPConfiguration"]["id"].rpartition("/")[2]]
        found.append(
            LoadBalancer(
                id=f"{lb['id']}/{rule['name']}",
                frontend=frontend["privateIPAddress"],
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
