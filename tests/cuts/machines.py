"""The machines of a cluster whose runs follow each other."""

from cluster import names
from cluster.plan import Plan
from cluster.record import PlannedNode
from lab.simulation.machines import Fleet


class NewestFleet(Fleet):
    """The machines of the newest plan that there is. The first run may have made none, or somebody
    may have deleted it."""

    @property
    def plan(self) -> Plan:  # type: ignore[override]
        content = self.services.store.blobs.content
        folder = names.runs_folder(self.cluster)
        newest = max(
            one for one in content if one.startswith(folder) and one.endswith("/plan.json")
        )
        return Plan.model_validate_json(content[newest][0])

    @property
    def _slots(self) -> dict[str, tuple[int, PlannedNode]]:  # type: ignore[override]
        return {slot.address: (place, slot) for place, slot in enumerate(self.plan.slots)}
