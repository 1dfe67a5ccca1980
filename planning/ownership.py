"""Compares the owners of a group, and of what is in it, with the cluster before a deployment.

A deployment replaces a resource of the same name without a question, and a removal deletes what
carries the cluster's tags. So what has a planned name and belongs to somebody else is a refusal.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from clients.azure.arm import Group, Resource
from clients.errors import Refused
from clients.services import services
from clients.settings import Settings
from cluster.faults import Fault, SpecRefusedError
from cluster.ownership import (
    GROUP_TAG,
    INSTALLATION_TAG,
    UID_TAG,
    Owner,
    described,
    is_installation,
    value_of,
)
from cluster.plan import Plan
from cluster.planned_resources import PlannedResource, planned_resources
from cluster.spec import ClusterSpec

# The number of resources that one message names. The rest is counted.
NAMED = 10


def refuse_spec_group(spec: ClusterSpec, settings: Settings) -> None:
    """Refuses a spec whose group is that of the installation.

    Raises:
        SpecRefusedError: with the field's path.
    """
    if spec.group.lower() != settings.own_group.lower():
        return
    fault = Fault(
        path="resourceGroup",
        message=f"'{spec.group}' is the resource group of the installation itself",
        allowed="another group, which may not exist yet",
    )
    raise SpecRefusedError([fault])


def owner_of(plan: Plan) -> Owner:
    return Owner(plan.cluster, plan.uid, services().settings.installation)


def need_own(plan: Plan, planned: Iterable[PlannedResource] | None = None) -> Group | None:
    """Refuses a plan that would touch what belongs to somebody else; returns its group, if any.

    Args:
        planned: the resources that are about to be deployed; all of the plan by default.

    Raises:
        Refused: GroupOfInstallation, GroupOwnedByAnother or ResourceOwnedByAnother.
    """
    group = services().groups.get(plan.group)
    refuse_own_group(plan.group)
    if group is None or group.provisioning_state == "Deleting":
        return group
    refuse_group(group, owner_of(plan))
    found = services().resources.list(plan.group)
    refuse_installation(plan.group, found)
    _refuse_resources(plan, found, planned_resources(plan) if planned is None else planned)
    return group


def ownership_faults(plan: Plan) -> Iterator[str]:
    """Yields what `need_own` refuses, for a plan that reports everything at once."""
    try:
        need_own(plan)
    except Refused as error:
        yield from (f"{text} ({error.code})" for text in [error.message, *error.details])


def refuse_own_group(name: str) -> None:
    """Refuses the installation's own group.

    Raises:
        Refused: GroupOfInstallation.
    """
    if name.lower() == services().settings.own_group.lower():
        text = f"resource group '{name}' is that of the installation itself"
        raise Refused("GroupOfInstallation", text, place=name)


def refuse_group(group: Group, owner: Owner) -> None:
    """Refuses a group that was created for another cluster, record or installation.

    Raises:
        Refused: GroupOwnedByAnother.
    """
    claimed = value_of(group.tags, GROUP_TAG)
    if claimed is None or owner.owns_group(group.tags):
        return
    text = f"resource group '{group.name}' belongs to {described(group.tags)}, not to {_own(owner)}"
    if value_of(group.tags, UID_TAG) is None or value_of(group.tags, INSTALLATION_TAG) is None:
        text += f"; if it is this cluster's, give it the tags {_wanted(owner)}"
    raise Refused("GroupOwnedByAnother", text, place=group.name)


def refuse_installation(group: str, found: Iterable[Resource]) -> None:
    """Refuses a group that holds resources of any installation of Slipway.

    Raises:
        Refused: GroupOfInstallation.
    """
    part = next((one for one in found if is_installation(one.tags)), None)
    if part is not None:
        text = (
            f"resource group '{group}' holds {part.name}, which belongs to {described(part.tags)}"
        )
        raise Refused("GroupOfInstallation", text, place=group)


def _refuse_resources(
    plan: Plan, found: Iterable[Resource], planned: Iterable[PlannedResource]
) -> None:
    owner = owner_of(plan)
    wanted = {resource.key for resource in planned}
    taken = [
        resource
        for resource in found
        if (resource.type.lower(), resource.name.lower()) in wanted
        and not owner.owns(resource.tags)
    ]
    if not taken:
        return
    details = [
        f"{resource.type} '{resource.name}': {described(resource.tags)}"
        for resource in islice(taken, NAMED)
    ]
    if len(taken) > NAMED:
        details.append(f"{len(taken) - NAMED} more")
    text = (
        f"{len(taken)} resources of resource group '{plan.group}' have names that the cluster "
        f"needs and do not belong to {_own(owner)}"
    )
    raise Refused("ResourceOwnedByAnother", text, details, place=taken[0].name)


def _own(owner: Owner) -> str:
    return f"cluster '{owner.cluster}' (uid {owner.uid}) of the installation {owner.installation}"


def _wanted(owner: Owner) -> str:
    return f"{UID_TAG}={owner.uid} and {INSTALLATION_TAG}={owner.installation}"
