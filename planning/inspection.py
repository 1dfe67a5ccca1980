"""Inspects Azure before anything is created: what exists, what fits, and what ARM would refuse."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from clients.azure.vm_power import RUNNING
from clients.services import services
from cluster.machine_forms import MachineForm
from cluster.next_steps import QUOTA, SIZE, next_step
from cluster.plan import Plan, PlannedDeployment, make_plan, sizes_by_family
from cluster.reasons import Reason
from cluster.record import ClusterRecord
from cluster.sizes import Offer, fitted, placement, size_faults
from cluster.spec import ClusterSpec
from planning.ownership import owner_of
from planning.templates import placeholder_parameters, template
from telemetry import spans

PARALLEL = 4
# The provisioning state of a VM that is being started or deallocated is "Updating".
PROVISIONED, FAILED = ("Succeeded", "Updating"), "Failed"


def existing_machines(group: str, cluster: str) -> list[str]:
    """Returns the names of the cluster's VMs that are kept as they are."""
    return list(machine_forms_of(group, cluster))


def machine_forms_of(group: str, cluster: str) -> dict[str, MachineForm]:
    """Returns the cluster's VMs that are kept as they are, and how they were made.

    A VM that failed is kept if it runs: it may work, and Azure refuses to put it again with other
    customData. The nodes' reports tell whether it does. One that does not run is deployed again.
    """
    if not services().groups.exists(group):
        return {}
    own = [vm for vm in services().compute.vms(group) if vm.name.startswith(f"{cluster}-")]
    return {
        vm.name: vm.form
        for vm in own
        if vm.provisioning_state in PROVISIONED or _runs(group, vm.name, vm.provisioning_state)
    }


def _runs(group: str, name: str, provisioning_state: str) -> bool:
    if provisioning_state != FAILED:
        return False
    found = services().compute.vm(group, name)
    return found is not None and found.power_state == RUNNING


def plan_of(spec: ClusterSpec, record: ClusterRecord) -> tuple[Plan, Offer]:
    """Returns the plan, based on what exists and on the location's offer, and that offer."""
    plan = make_plan(spec, record, existing_machines(spec.group, spec.name))
    offer = offer_for(plan)
    return fitted(plan, offer, record), offer


def offer_for(plan: Plan) -> Offer:
    """Returns the location's offer.

    It is empty if no machine is missing, because the list is long and would not be used.
    """
    return services().compute.offer(plan.location) if plan.missing else Offer({})


def capacity_faults(plan: Plan, offer: Offer) -> Iterator[Reason]:
    """Yields the faults of capacity:

    - VM sizes that are not available or do not meet the needs of their machines;
    - a placement that would lose etcd;
    - quotas that the missing machines exceed.
    """
    counts = sizes_by_family(plan)
    if not counts:
        return
    for text in (*size_faults(plan, offer), *placement(plan, offer)[0]):
        yield Reason(text, step=SIZE)
    # The two lists may write a family's name in different cases.
    usages = {name.lower(): u for name, u in services().compute.usages(plan.location).items()}
    needed: dict[str, int] = {"cores": 0, "virtualMachines": sum(counts.values())}
    for size, count in counts.items():
        found = offer.sizes.get(size)
        if found and not found.restrictions:
            needed[found.family] = needed.get(found.family, 0) + found.vcpus * count
            needed["cores"] += found.vcpus * count
    for name, wanted in needed.items():
        usage = usages.get(name.lower())
        if usage and usage.current + wanted > usage.limit:
            text = f"quota {name} in {plan.location}: {wanted} more needed, "
            text += f"{usage.limit - usage.current} of {usage.limit} free"
            yield Reason(text, step=QUOTA)


def template_faults(plan: Plan, *, group_exists: bool) -> Iterator[Reason]:
    """Yields the faults that ARM finds in the templates.

    ARM validates them in the group or, if it does not exist, as a deployment that would create it.
    Only a few are validated in parallel: one may take ARM most of a minute, and the app has minutes
    for all of them.
    """

    def ask(planned: PlannedDeployment) -> list[Reason]:
        return list(faults_of_template(plan, planned, group_exists=group_exists))

    with ThreadPoolExecutor(PARALLEL) as pool:
        for faults in pool.map(spans.carried(ask), plan.deployments):
            yield from faults


def faults_of_template(
    plan: Plan, planned: PlannedDeployment, *, group_exists: bool
) -> Iterator[Reason]:
    """Yields the faults that ARM finds in one template."""
    deployments = services().deployments
    body, parameters = template(planned.template), placeholder_parameters(planned, owner_of(plan))
    errors = (
        deployments.validate(plan.group, body, parameters)
        if group_exists
        else deployments.validate_new_group(plan.location, plan.group, body, parameters)
    )
    where = f"template {planned.part}"
    for error in errors:
        step = next_step(error.code, error.message)
        yield Reason(f"{error.message} ({error.code})", where, step)
