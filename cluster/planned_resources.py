"""The names of the Azure resources that a plan's deployments create.

The templates in `arm/cluster` decide them; a test compares this list with the expanded templates.
"""

from collections.abc import Iterator
from typing import NamedTuple

from cluster import names
from cluster.plan import Plan, PlannedDeployment
from cluster.roles import CONTROLLER, ETCD

NETWORK, COMPUTE = "Microsoft.Network", "Microsoft.Compute"


class PlannedResource(NamedTuple):
    """A resource by its type and name. Azure compares both without regard to case."""

    type: str
    name: str

    @property
    def key(self) -> tuple[str, str]:
        return self.type.lower(), self.name.lower()


def planned_resources(plan: Plan) -> list[PlannedResource]:
    """Returns every resource of the wanted cluster, those of existing machines included."""
    found = [*_network(plan), *_sets(plan, [slot.pool for slot in plan.nodes])]
    for slot in plan.slots:
        found += _machine(plan, slot.name)
    return list(dict.fromkeys(found))


def resources_of(plan: Plan, deployment: PlannedDeployment) -> list[PlannedResource]:
    """Returns the resources that one deployment creates or puts again."""
    if deployment.template == names.NETWORK:
        return list(_network(plan))
    pools = [plan.slot(name).pool for name in deployment.nodes]
    found = list(_sets(plan, [pool for pool in pools if pool != CONTROLLER]))
    for name in deployment.nodes:
        found += _machine(plan, name)
    return found


def _network(plan: Plan) -> Iterator[PlannedResource]:
    cluster = plan.cluster
    yield PlannedResource(f"{NETWORK}/virtualNetworks", f"{cluster}-vnet")
    yield PlannedResource(f"{NETWORK}/natGateways", f"{cluster}-nat")
    yield PlannedResource(f"{NETWORK}/publicIPAddresses", f"{cluster}-nat-ip")
    yield PlannedResource(f"{NETWORK}/publicIPAddresses", f"{cluster}-controller-ip")
    yield PlannedResource(f"{NETWORK}/loadBalancers", f"{cluster}-api")
    if plan.spec.control_plane.public_api is not None:
        yield PlannedResource(f"{NETWORK}/loadBalancers", f"{cluster}-api-public")
        yield PlannedResource(f"{NETWORK}/publicIPAddresses", f"{cluster}-api-public-ip")
    for subnet in plan.subnets:
        yield PlannedResource(f"{NETWORK}/networkSecurityGroups", f"{cluster}-{subnet}-nsg")


def _sets(plan: Plan, pools: list[str]) -> Iterator[PlannedResource]:
    if not plan.spec.zones:
        for pool in dict.fromkeys(pools):
            yield availability_set(plan.cluster, pool)


def availability_set(cluster: str, pool: str) -> PlannedResource:
    return PlannedResource(f"{COMPUTE}/availabilitySets", f"{cluster}-{pool}-avset")


def _machine(plan: Plan, node: str) -> Iterator[PlannedResource]:
    data_disk = plan.slot(node).role == ETCD and bool(plan.spec.etcd.data_disk_gib)
    return machine_resources(node, data_disk=data_disk)


def machine_resources(node: str, *, data_disk: bool) -> Iterator[PlannedResource]:
    """Yields the resources of one machine."""
    yield PlannedResource(f"{COMPUTE}/virtualMachines", node)
    yield PlannedResource(f"{NETWORK}/networkInterfaces", f"{node}-nic")
    yield PlannedResource(f"{COMPUTE}/disks", f"{node}-os")
    if data_disk:
        yield PlannedResource(f"{COMPUTE}/disks", f"{node}-data-0")
