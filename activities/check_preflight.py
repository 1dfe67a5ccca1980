"""Activity check_preflight: quota, VM sizes and templates, before a machine exists."""

from collections.abc import Iterator

from clients.compute import Sku

from activities.boundary import activity
from activities.templates import placeholder_parameters, template
from clients.services import services
from cluster.contracts import CHECK_PREFLIGHT, RunRef
from cluster.outcomes import Cause, Outcome, cut
from cluster.plan import Plan, sizes_by_family


@activity(CHECK_PREFLIGHT)
def check_preflight(ref: RunRef) -> Outcome:
    """Everything that Azure would refuse later is told at once."""
    plan = services().store.need_plan(ref)
    faults = [*capacity_faults(plan), *_template_faults(plan)]
    if not faults:
        return Outcome()
    return Outcome(
        state="refused",
        cause=Cause(
            code="PreflightFailed",
            place=plan.location,
            message=cut("; ".join(faults)),
            next_step="change the spec or ask for the quota; no machine was created",
        ),
    )


def capacity_faults(plan: Plan) -> Iterator[str]:
    """VM sizes that the location does not offer, and quotas that the missing machines exceed."""
    counts = sizes_by_family(plan)
    if not counts:
        return
    skus = services().compute.skus(plan.location)
    usages = services().compute.usages(plan.location)
    needed: dict[str, int] = {"cores": 0, "virtualMachines": sum(counts.values())}
    for size, count in counts.items():
        sku = skus.get(size)
        if sku is None or sku.restrictions:
            why = ", ".join(sku.restrictions) if sku else "unknown here"
            yield f"VM size {size} is not available in {plan.location} ({why})"
            continue
        yield from _zone_faults(plan, sku)
        needed[sku.family] = needed.get(sku.family, 0) + sku.vcpus * count
        needed["cores"] += sku.vcpus * count
    for name, wanted in needed.items():
        usage = usages.get(name)
        if usage and usage.current + wanted > usage.limit:
            yield (
                f"quota {name} in {plan.location}: {wanted} more needed, "
                f"{usage.limit - usage.current} of {usage.limit} free"
            )


def _zone_faults(plan: Plan, sku: Sku) -> Iterator[str]:
    missing = [zone for zone in plan.spec.zones if zone not in sku.zones]
    if missing:
        yield f"VM size {sku.name} is not in zone {', '.join(missing)} of {plan.location}"


def _template_faults(plan: Plan) -> Iterator[str]:
    """What ARM says to the templates. The machines' refer to the network's resources, which do
    not exist before the first run: ARM validates them all the same."""
    for deployment in plan.deployments:
        errors = services().deployments.validate(
            plan.group, template(deployment.template), placeholder_parameters(deployment)
        )
        for error in errors:
            where = f"template {deployment.template} ({deployment.part})"
            yield f"{where}: {error.code}: {error.message}"
