"""Finds the uid of a cluster whose record was lost, from the tags of what is in its group.

A PUT with `adopt=true` makes a record with that uid: the same spec then finds its machines, network
and secrets, and goes on from them. Nothing is adopted without being asked for by name.
"""

from collections.abc import Mapping

from clients.services import services
from cluster import names
from cluster.faults import Fault, SpecRefusedError
from cluster.ownership import GROUP_TAG, INSTALLATION_TAG, UID_TAG, Owner, value_of
from cluster.spec import ClusterSpec

FIELD = "adopt"


def lost_uid(spec: ClusterSpec) -> str:
    """Returns the uid that everything of the cluster in the spec's group carries.

    Raises:
        SpecRefusedError: nothing carries one, several are there, or another installation's is.
        Transient, Refused: Resource Manager's answer.
    """
    group = services().groups.get(spec.group)
    if group is None:
        raise _refusal(f"resource group '{spec.group}' does not exist")
    tagged = [group.tags] if value_of(group.tags, GROUP_TAG) == spec.name else []
    tagged += [
        one.tags
        for one in services().resources.list(spec.group)
        if value_of(one.tags, names.CLUSTER_TAG) == spec.name
    ]
    owners = {_owner(tags) for tags in tagged}
    if not owners:
        raise _refusal(f"nothing in resource group '{spec.group}' is of a cluster '{spec.name}'")
    if len(owners) > 1:
        found = "; ".join(sorted(_told(uid, installation) for uid, installation in owners))
        raise _refusal(f"'{spec.name}' in '{spec.group}' has several owners: {found}")
    uid, installation = owners.pop()
    if not uid or installation != services().settings.installation:
        raise _refusal(f"'{spec.name}' in '{spec.group}' has the owner {_told(uid, installation)}")
    return uid


def last_deployed(spec: ClusterSpec, uid: str) -> int:
    """Returns the highest generation of the deployments that the lost record's cluster started, and
    of the backups that it took.

    A run of the same generation would take such a deployment for its own and deploy nothing, or
    take such a backup for its own and back up nothing.

    Raises:
        Transient, Refused: the answer of Resource Manager or of storage.
    """
    owner = Owner(spec.name, uid, services().settings.installation)
    deployed = (
        names.generation_of_deployment(spec.name, one.name)
        for one in services().deployments.every(spec.group)
        if owner.owns(one.tags)
    )
    return max((services().store.newest_backup(spec.name, uid), *deployed))


def _owner(tags: Mapping[str, str]) -> tuple[str, str]:
    return value_of(tags, UID_TAG) or "", value_of(tags, INSTALLATION_TAG) or ""


def _told(uid: str, installation: str) -> str:
    return f"uid {uid or 'none'} of the installation {installation or 'none'}"


def _refusal(message: str) -> SpecRefusedError:
    allowed = (
        f"a group in which the cluster's resources have one {UID_TAG}, and {INSTALLATION_TAG} "
        f"with the value {services().settings.installation}"
    )
    return SpecRefusedError([Fault(path=FIELD, message=message, allowed=allowed)])
