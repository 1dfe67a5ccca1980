"""Requests the deletion of resources, those that others use last, and remembers the requests.

What was requested is kept in the run's removal.json, so that the next call follows what goes on and
does not request the same again.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from clients.azure.arm import Resource
from clients.services import services
from cluster.contracts import RunRef
from cluster.outcomes import cut
from cluster.record import RemovalProgress

# Azure resource types in the order of deletion. A type that uses others is deleted before them. A
# type that is not listed is deleted last.
ORDER = (
    "microsoft.compute/virtualmachines",
    "microsoft.network/networkinterfaces",
    "microsoft.compute/disks",
    "microsoft.compute/availabilitysets",
    "microsoft.network/loadbalancers",
    "microsoft.network/virtualnetworks",
    "microsoft.network/natgateways",
    "microsoft.network/publicipaddresses",
    "microsoft.network/networksecuritygroups",
)
# Seconds before the deletion of the same resource is requested again. A machine takes minutes.
AGAIN_SECONDS = 120.0
# How many deletions one execution requests: each takes a part of a second, and the execution ends
# within the time of its contract.
REQUESTS_AT_ONCE = 200
# How many names a note has.
NAMED = 5


@dataclass(frozen=True)
class Step:
    """`waits`: something is still being removed."""

    waits: bool
    notes: tuple[str, ...] = ()


class DeletionRequests:
    """The requests of one run."""

    def __init__(self, ref: RunRef) -> None:
        self._ref, self._store = ref, services().store
        self.progress: RemovalProgress = self._store.removal(ref)

    def keep(self, **changes: object) -> None:
        self.progress = self.progress.model_copy(update=changes)
        self._store.save_removal(self._ref, self.progress)

    def delete_layer(self, group: str, ours: list[Resource]) -> Step:
        """Requests the deletion of the resources that nothing else of the list uses any more."""
        layers = [one.type.lower() for one in ours]
        first = next((kind for kind in ORDER if kind in layers), layers[0])
        layer = [one for one in ours if one.type.lower() == first]
        now = datetime.now(UTC).timestamp()
        requested = dict(self.progress.requested)
        due = [one for one in layer if now - requested.get(one.id, 0.0) >= AGAIN_SECONDS]
        try:
            for one in due[:REQUESTS_AT_ONCE]:
                services().resources.begin_delete(one.id)
                requested[one.id] = now
        finally:
            self.keep(requested=requested)
        shown = ", ".join(one.name for one in layer[:NAMED])
        text = f"{len(layer)} resources of type {first} are being deleted from {group}: {shown}"
        return Step(waits=True, notes=(cut(text, 300),))
