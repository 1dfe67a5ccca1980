"""Removes one resource group, or what the cluster has in it, one request at a time.

Each call makes one step and returns. What was requested is kept in the run's removal.json, so that
the next call follows the operation that goes on and does not request the same again.
"""

from collections.abc import Iterable

from activities.deletion_requests import NAMED, DeletionRequests, Step
from clients.azure.arm import Group, Resource
from clients.azure.operations import FailedForNow
from clients.errors import Refused
from clients.services import services
from cluster import names
from cluster.contracts import RunRef
from cluster.outcomes import cut
from cluster.ownership import INSTALLATION_TAG, UID_TAG, Owner, value_of
from cluster.planned_resources import machine_resources

# ARM may show a group for a moment after its deletion has ended.
LOOKS_AFTER_THE_END = 3
FORBIDDEN = "AuthorizationFailed"


class GroupRemoval:
    """The removal of a cluster's groups in one run."""

    def __init__(self, ref: RunRef, owner: Owner, nodes: Iterable[str] = ()) -> None:
        """Args: nodes: the machines that were built. They are known by name if a tag is missing."""
        self._owner = owner
        every = (one for node in nodes for one in machine_resources(node, data_disk=True))
        self._built = {one.key for one in every}
        self._requests = DeletionRequests(ref)

    def step(self, name: str, *, deleted: bool = False) -> Step:
        """Requests what can be removed next.

        Args:
            deleted: the deletion of the group was reported. Roles that were assigned to it were
                deleted with it, so that it may not even be asked for.

        Raises:
            Refused: ARM's code and the resources that hold, if the group's deletion failed;
                GroupNotDeleted, if it ended and the group is still there; ResourceOwnedByAnother,
                if the tags do not say whose a resource is that may be the cluster's.
            Transient: ARM does not answer.
        """
        try:
            group = services().groups.get(name)
        except Refused as error:
            if not deleted or error.code != FORBIDDEN:
                raise
            group = None
        if group is None:
            return Step(waits=False)
        if name in self._requests.progress.operations:
            return self._follow(name)
        if group.provisioning_state == "Deleting":
            return _deleting(name)
        return self._request(group, name)

    def _request(self, group: Group, name: str) -> Step:
        found = services().resources.list(name)
        foreign = [one for one in found if not self._owner.owns(one.tags)]
        self._refuse_unknown(name, foreign)
        owned = self._owner.owns_group(group.tags) and not self._is_installation(name)
        if owned and not foreign:
            url = services().groups.begin_delete(name)
            self._requests.keep(operations=self._requests.progress.operations | {name: url or ""})
            return _deleting(name)
        if active := self._cancel_deployments(name):
            text = f"deployments in {name} are being cancelled: {', '.join(active)}"
            return Step(waits=True, notes=(cut(text, 300),))
        ours = [one for one in found if self._owner.owns(one.tags)]
        if ours:
            return self._requests.delete_layer(name, ours)
        notes = self._requests.progress.kept.get(name) or self._kept(name, foreign, owned=owned)
        if owned:
            # Without its tags, a repeat of this execution would not know the group any more.
            self._requests.keep(kept=self._requests.progress.kept | {name: notes})
            notes = (*notes, *self._released(group))
        return Step(waits=False, notes=notes)

    def _refuse_unknown(self, group: str, foreign: list[Resource]) -> None:
        """Refuses resources that lack the tags of an owner and are the cluster's by what is left.

        An older version of Slipway set fewer tags, and a policy may have removed some. A removal
        that passed over them would end well while the machines go on.
        """
        unknown = [one for one in foreign if self._may_be_ours(one)]
        if not unknown:
            return
        shown = ", ".join(one.name for one in unknown[:NAMED])
        wanted = " and ".join(f"{key}={value}" for key, value in self._owner.tags.items())
        text = f"{len(unknown)} resources in {group} may be of cluster '{self._owner.cluster}' "
        text += f"and lack tags of their owner: {shown}. Until that is clear, nothing in the group "
        text += f"is deleted. Give those that are the cluster's the tags {wanted}, and others "
        text += f"another {UID_TAG} and {INSTALLATION_TAG}; then remove the cluster again"
        raise Refused("ResourceOwnedByAnother", text, place=unknown[0].name)

    def _may_be_ours(self, resource: Resource) -> bool:
        tags = resource.tags
        if value_of(tags, UID_TAG) is not None and value_of(tags, INSTALLATION_TAG) is not None:
            return False
        cluster = value_of(tags, names.CLUSTER_TAG)
        built = (resource.type.lower(), resource.name.lower()) in self._built
        return cluster == self._owner.cluster or (cluster is None and built)

    def _cancel_deployments(self, group: str) -> list[str]:
        """Cancels the cluster's deployments that go on, and returns their names.

        A run ends its own. One that the engine lost ended none, and its deployments would create
        what was just deleted.
        """
        deployments = services().deployments
        active = [one.name for one in deployments.active(group) if self._owner.owns(one.tags)]
        for name in active:
            deployments.cancel(group, name)
        return active

    def _follow(self, group: str) -> Step:
        url = self._requests.progress.operations[group]
        try:
            if url and services().operations.goes_on(url):
                return _deleting(group)
        except FailedForNow:
            # The next step requests the deletion again.
            known = self._requests.progress.operations
            self._requests.keep(operations={key: known[key] for key in known if key != group})
            raise
        now = services().groups.get(group)
        if now is None:
            return Step(waits=False)
        if now.provisioning_state == "Deleting":
            return _deleting(group)
        looks = self._requests.progress.looks.get(group, 0) + 1
        self._requests.keep(looks=self._requests.progress.looks | {group: looks})
        if looks < LOOKS_AFTER_THE_END:
            return _deleting(group)
        left = services().resources.list(group)
        shown = ", ".join(one.name for one in left[:NAMED]) or "none that ARM lists"
        text = f"ARM ended the deletion of resource group '{group}' and the group is still "
        text += f"there, with {len(left)} resources: {shown}"
        raise Refused("GroupNotDeleted", text, place=group)

    def _released(self, group: Group) -> tuple[str, ...]:
        """Takes the cluster's tags off a group that is kept, so that a new cluster may be in it."""
        ours = {key.lower() for key in self._owner.group_tags}
        rest = {key: value for key, value in group.tags.items() if key.lower() not in ours}
        try:
            services().groups.replace_tags(group.name, rest)
        except Refused as error:
            if error.code != FORBIDDEN:
                raise
            text = f"resource group {group.name} keeps the tags {', '.join(sorted(ours))}, which "
            text += "the app may not remove: remove them before a cluster is launched there again"
            return (cut(text, 300),)
        return ()

    def _is_installation(self, group: str) -> bool:
        return group.lower() == services().settings.own_group.lower()

    def _kept(self, group: str, foreign: list[Resource], *, owned: bool) -> tuple[str, ...]:
        notes: list[str] = []
        if owned:
            shown = ", ".join(one.name for one in foreign[:NAMED])
            text = f"resource group {group} is kept: it has {len(foreign)} resources of others: "
            notes.append(cut(text + shown, 300))
        same_name = [
            one for one in foreign if value_of(one.tags, names.CLUSTER_TAG) == self._owner.cluster
        ]
        if same_name:
            shown = ", ".join(one.name for one in same_name[:NAMED])
            text = f"{len(same_name)} resources in {group} are of another cluster "
            text += f"'{self._owner.cluster}', by their tags, and are kept: {shown}"
            notes.append(cut(text, 300))
        return tuple(notes)


def _deleting(group: str) -> Step:
    return Step(waits=True, notes=(f"resource group {group} is being deleted",))
