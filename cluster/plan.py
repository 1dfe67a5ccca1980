"""The plan: what a run will create and remove, computed from the spec, the record and what exists.

Pure. The plan lists the missing nodes by name and not by number: an existing VM is never deployed
again, because its customData cannot change.
"""

from collections.abc import Collection, Iterator
from typing import Annotated, Any, Literal

from cluster import addresses, names
from cluster.machine_forms import machine_forms
from cluster.model import OPEN_TEXT, Contract
from cluster.record import ClusterRecord, PlannedNode
from cluster.roles import CONTROL_PLANE, CONTROLLER, ETCD, FIXED_ROLES, WORKER
from cluster.security_rules import SecurityRule, rule_parameters
from cluster.slots import Slots, divide
from cluster.spec import ClusterSpec
from cluster.stored_spec import stored_spec

# 100 nodes: 300 resources of ARM's 800, and 2.5 MB of its 4 MB at the 25 KB allowed for a node.
NODES_PER_DEPLOYMENT = 100
CONTROLLER_DISK_GIB = 32

Template = Literal["network", "controller", "nodes"]


class PlannedDeployment(Contract):
    """One ARM deployment.

    `parameters` are plain values without secrets. Values from the vault (`sshPublicKey`, and
    `customData` of `nodes`) are added when the deployment starts.
    """

    part: str
    template: Annotated[Template, OPEN_TEXT]
    parameters: dict[str, Any]
    nodes: tuple[str, ...] = ()


class Plan(Contract):
    """All nodes of the wanted cluster, and the deployments that create the missing ones."""

    cluster: str
    uid: str
    generation: int
    group: str
    location: str
    spec: ClusterSpec
    subnets: dict[str, str]
    slots: tuple[PlannedNode, ...]
    missing: tuple[str, ...]
    deployments: tuple[PlannedDeployment, ...]
    api_address: str
    # Fault domains of the pools' availability sets. None: the template's own number.
    fault_domains: int | None = None
    # The etcd members that the cluster was built with. 0: it was not built.
    etcd_before: int = 0
    # Nodes that the run removes, and wanted nodes that an earlier run was removing.
    leaving: tuple[PlannedNode, ...] = ()
    returning: tuple[str, ...] = ()
    # Whether pods that cannot be evicted are deleted after the deadline.
    force: bool = False
    # The play runs every stage on every machine.
    full: bool = False
    # The play upgrades the distribution's packages, on all of its machines at once.
    package_upgrades: bool = True
    # Of a replacement: the turn; the nodes that leave and come back under their names, those that
    # are still to be replaced, and those that need not be replaced any more.
    turn: int = 0
    rebuilt: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    # The run whose deployment of the network the cluster has, if it is not this one.
    deployed: int | None = None

    @property
    def network_generation(self) -> int:
        """Returns the number of the run that deployed the network: its outputs have addresses."""
        return self.generation if self.deployed is None else self.deployed

    @property
    def controller(self) -> PlannedNode:
        return self.slots[0]

    @property
    def nodes(self) -> tuple[PlannedNode, ...]:
        """Every slot except the controller."""
        return self.slots[1:]

    def slot(self, name: str) -> PlannedNode:
        return next(slot for slot in self.slots if slot.name == name)

    @property
    def pools_left_out(self) -> tuple[str, ...]:
        """Returns the pools that have nodes to remove and are not in the spec any more."""
        wanted = {pool.name for pool in self.spec.workers}
        left = (s.pool for s in self.leaving if s.role == WORKER and s.pool not in wanted)
        return tuple(dict.fromkeys(left))


def make_plan(spec: ClusterSpec, record: ClusterRecord, existing: Collection[str]) -> Plan:
    """Compares the wanted cluster with what exists, and returns the plan.

    Args:
        spec: the wanted cluster, valid by `spec_rules.check`.
        record: the record, with uid, generation and the subnets of existing pools.
        existing: names of VMs that exist and are provisioned.
    """
    subnets = subnets_of(spec, record)
    return assembled(spec, record, subnets, divide(spec, subnets, record, existing), existing)


def subnets_of(spec: ClusterSpec, record: ClusterRecord) -> dict[str, str]:
    """Returns the subnet of each tier and of each pool of the spec."""
    return {
        CONTROLLER: spec.network.subnets.controller,
        CONTROL_PLANE: spec.network.subnets.control_plane,
        ETCD: spec.network.subnets.etcd,
        **addresses.pool_subnets(spec, record.subnets),
    }


def assembled(
    spec: ClusterSpec,
    record: ClusterRecord,
    subnets: dict[str, str],
    divided: Slots,
    have: Collection[str],
) -> Plan:
    """Returns the plan of these slots. `have`: the machines that need not be created."""
    slots = divided.wanted
    # A subnet with machines in it stays in the network until they are gone.
    left_out = [slot.pool for slot in divided.leaving if slot.pool not in subnets]
    subnets = subnets | {pool: record.subnets[pool] for pool in left_out}
    missing = tuple(slot.name for slot in slots if slot.name not in have)
    operation = record.operation
    return Plan(
        cluster=spec.name,
        uid=record.uid,
        generation=record.generation,
        group=spec.group,
        location=spec.location,
        spec=spec,
        subnets=subnets,
        slots=slots,
        missing=missing,
        deployments=tuple(_deployments(spec, subnets, _rules(spec, record), slots, set(missing))),
        api_address=addresses.api_address(spec),
        leaving=divided.leaving,
        returning=divided.returning,
        force=spec.drain.force or bool(operation and operation.force),
        full=record.operation is not None and record.operation.full,
    )


def _deployments(
    spec: ClusterSpec,
    subnets: dict[str, str],
    rules: dict[str, tuple[SecurityRule, ...]],
    slots: tuple[PlannedNode, ...],
    missing: set[str],
) -> Iterator[PlannedDeployment]:
    common = {"clusterName": spec.name, "location": spec.location, "tags": dict(spec.tags)}
    machine = {
        "adminUsername": spec.admin_user,
        "imageVersion": spec.image.version,
        "zones": list(spec.zones),
    }
    public = spec.control_plane.public_api
    yield PlannedDeployment(
        part=names.NETWORK,
        template=names.NETWORK,
        parameters=common
        | {
            "vnetCidr": spec.network.vnet_cidr,
            "subnets": [
                {
                    "name": name,
                    "cidr": cidr,
                    "role": name if name in FIXED_ROLES else WORKER,
                    "rules": rule_parameters(rules.get(name, ())),
                }
                for name, cidr in subnets.items()
            ],
            "allowedSources": list(spec.network.allowed_sources),
            "apiAddress": addresses.api_address(spec),
            "publicApiSources": list(public.allowed_sources) if public else [],
            "zones": list(spec.zones),
        },
    )
    controller = slots[0]
    if controller.name in missing:
        yield PlannedDeployment(
            part=CONTROLLER,
            template="controller",
            parameters=common
            | machine
            | {
                "nodes": [
                    {"name": controller.name, "address": controller.address, "subnet": CONTROLLER}
                ],
                "vmSize": spec.controller.vm_size,
                "osDiskGiB": CONTROLLER_DISK_GIB,
            },
            nodes=(controller.name,),
        )
    for pool in (CONTROL_PLANE, ETCD, *(p.name for p in spec.workers)):
        members = [slot for slot in slots[1:] if slot.pool == pool]
        for start in range(0, len(members), NODES_PER_DEPLOYMENT):
            wanted = [
                slot
                for slot in members[start : start + NODES_PER_DEPLOYMENT]
                if slot.name in missing
            ]
            if wanted:
                yield PlannedDeployment(
                    part=f"{pool}-{start // NODES_PER_DEPLOYMENT}",
                    template="nodes",
                    parameters=common | machine | _pool_parameters(spec, pool, wanted),
                    nodes=tuple(slot.name for slot in wanted),
                )


def _rules(spec: ClusterSpec, record: ClusterRecord) -> dict[str, tuple[SecurityRule, ...]]:
    """Returns the rules of each subnet. A pool that is left out keeps its own while its nodes are
    drained: their pods still serve."""
    before = stored_spec(record.built).workers if record.built else ()
    return {
        **{pool.name: pool.security_rules for pool in (*before, *spec.workers)},
        CONTROL_PLANE: spec.control_plane.security_rules,
        ETCD: spec.etcd.security_rules,
    }


def _pool_parameters(spec: ClusterSpec, pool: str, slots: list[PlannedNode]) -> dict[str, Any]:
    form = machine_forms(spec)[pool]
    return {
        "pool": pool,
        "role": slots[0].role,
        "nodes": [{"name": s.name, "index": s.index, "address": s.address} for s in slots],
        "subnet": pool,
        "vmSize": form.size,
        "osDiskGiB": form.os_disk_gib,
        "dataDiskGiB": spec.etcd.data_disk_gib if pool == ETCD else 0,
        "loadBalanced": pool == CONTROL_PLANE,
        "publicApi": pool == CONTROL_PLANE and spec.control_plane.public_api is not None,
    }


def sizes_by_family(plan: Plan) -> dict[str, int]:
    """Returns the number of missing machines by VM size, for the checks of quota and SKUs."""
    counts: dict[str, int] = {}
    for deployment in plan.deployments:
        if deployment.template != names.NETWORK:
            size = str(deployment.parameters["vmSize"])
            counts[size] = counts.get(size, 0) + len(deployment.nodes)
    return counts


def host_key_chunks(plan: Plan) -> list[tuple[str, int]]:
    """Returns the vault secrets that hold the host keys, as (pool, chunk).

    Each secret holds `names.HOST_KEYS_PER_SECRET` indices. A node's key stays in its secret when
    pools grow.
    """
    return sorted({(slot.pool, names.host_key_chunk(slot.index)) for slot in plan.slots})
