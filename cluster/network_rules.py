"""Rules of a spec's addresses: ranges, subnets, and who may reach a public API."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network

from cluster import addresses
from cluster.faults import Fault
from cluster.presentable import counted
from cluster.security_rules import rule_faults
from cluster.sources import PRIVATE, source_faults
from cluster.spec import ClusterSpec

PRIVATE_RULE = "a range inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10"
# kube-apiserver accepts at most 20 bits of service addresses.
SERVICE_PREFIXES = range(12, 29)
# Azure makes no smaller one ("Virtual Network FAQ").
SMALLEST_SUBNET = 29


def network_faults(spec: ClusterSpec, known_subnets: Mapping[str, str]) -> list[Fault]:
    """All faults of the spec's addresses. `known_subnets`: pools to the subnets that they have."""
    return [
        *_range_faults(spec),
        *_subnet_faults(spec, known_subnets),
        *source_faults(
            "network.allowedSources", spec.network.allowed_sources, "the controller's SSH"
        ),
        *_public_faults(spec),
        *rule_faults("controlPlane", spec.control_plane.security_rules),
        *rule_faults("etcd", spec.etcd.security_rules),
        *(
            fault
            for index, pool in enumerate(spec.workers)
            for fault in rule_faults(f"workers[{index}]", pool.security_rules)
        ),
    ]


def _range_faults(spec: ClusterSpec) -> Iterator[Fault]:
    ranges = {
        "network.vnetCidr": spec.network.vnet_cidr,
        "kubernetes.podCidr": spec.kubernetes.pod_cidr,
        "kubernetes.serviceCidr": spec.kubernetes.service_cidr,
    }
    for path, cidr in ranges.items():
        if not any(IPv4Network(cidr).subnet_of(private) for private in PRIVATE):
            yield Fault(
                path=path, message=f"{cidr} is not private address space", allowed=PRIVATE_RULE
            )
    paths = list(ranges)
    for number, path in enumerate(paths):
        for other in paths[:number]:
            if IPv4Network(ranges[path]).overlaps(IPv4Network(ranges[other])):
                yield Fault(
                    path=path,
                    message=f"{ranges[path]} overlaps {other} ({ranges[other]})",
                    allowed="ranges that do not overlap",
                )
    pods = IPv4Network(spec.kubernetes.pod_cidr)
    nodes = spec.control_plane.count + sum(p.count for p in spec.workers)
    blocks = 2 ** max(0, addresses.POD_BLOCK_PREFIX - pods.prefixlen)
    if pods.prefixlen > addresses.POD_BLOCK_PREFIX or blocks < nodes:
        need = addresses.POD_BLOCK_PREFIX - max(0, (nodes - 1).bit_length())
        yield Fault(
            path="kubernetes.podCidr",
            allowed=f"a /{need} or larger",
            message=f"{pods} has too few /24 blocks for {counted(nodes, 'node')}",
        )
    if IPv4Network(spec.kubernetes.service_cidr).prefixlen not in SERVICE_PREFIXES:
        yield Fault(
            path="kubernetes.serviceCidr",
            message="is too large or too small",
            allowed="a /12 to a /28",
        )


def _subnet_faults(spec: ClusterSpec, known: Mapping[str, str]) -> Iterator[Fault]:
    vnet = IPv4Network(spec.network.vnet_cidr)
    fixed = spec.network.subnets
    path = "network.subnets"
    subnets = [
        (f"{path}.controller", fixed.controller, 1, False),
        (f"{path}.controlPlane", fixed.control_plane, spec.control_plane.count, True),
        (f"{path}.etcd", fixed.etcd, spec.etcd.count, False),
    ]
    try:
        given = addresses.pool_subnets(spec, known)
    except addresses.NoRoomError as error:
        index = next(i for i, p in enumerate(spec.workers) if p.name == error.pool)
        yield Fault(
            path=f"workers[{index}].subnet",
            message=str(error),
            allowed="a larger network.vnetCidr, or a subnet named here",
        )
        given = {}
    for index, pool in enumerate(spec.workers):
        if pool.name in given:
            subnets.append((f"workers[{index}].subnet", given[pool.name], pool.count, False))
    for number, (where, cidr, count, frontend) in enumerate(subnets):
        network = IPv4Network(cidr)
        if not network.subnet_of(vnet):
            yield Fault(
                path=where, message=f"{cidr} is outside of {vnet}", allowed=f"a part of {vnet}"
            )
        if network.prefixlen > SMALLEST_SUBNET:
            yield Fault(
                path=where,
                message=f"{cidr} is smaller than Azure's smallest subnet",
                allowed=f"a /{SMALLEST_SUBNET} or larger",
            )
        elif (room := addresses.capacity(cidr, frontend=frontend)) < count:
            yield Fault(
                path=where,
                message=f"{cidr} has room for {counted(room, 'node')}, not {count}",
                allowed="a larger subnet; Azure reserves five addresses of each",
            )
        for other, taken, _, _ in subnets[:number]:
            if network.overlaps(IPv4Network(taken)):
                yield Fault(
                    path=where,
                    message=f"{cidr} overlaps {other} ({taken})",
                    allowed="subnets that do not overlap",
                )


def _public_faults(spec: ClusterSpec) -> Iterator[Fault]:
    path = "controlPlane.publicApi.allowedSources"
    public = spec.control_plane.public_api
    sources = public.allowed_sources if public else ()
    yield from source_faults(path, sources, "the API")
    for index, cidr in enumerate(sources):
        if any(IPv4Network(cidr).subnet_of(private) for private in PRIVATE):
            yield Fault(
                path=f"{path}[{index}]",
                message=f"{cidr} is private: a public address never receives traffic from it",
                allowed="public networks: what the sources' NAT shows to the internet",
            )
