"""Whether Event Grid tells this app of resource groups, as its subscription says."""

from collections.abc import Iterator

from clients.event_grid import EventSubscription
from clients.examination import UNNAMED_APP, Place
from clients.services import Services
from cluster.findings import Finding, FindingState
from triggers.groups import DELETED, OPERATIONS, WRITTEN

FUNCTION = "on_group_event"
SCHEMA = "CloudEventSchemaV1_0"
LOSSES = {WRITTEN: "tagged groups start nothing", DELETED: "groups that are deleted stay unnoticed"}


def group_events(services: Services, place: Place) -> Finding:
    """A subscription without Event Grid is a choice, so its absence is a warning."""
    if place.app == UNNAMED_APP:
        seen = "the platform names no app here, so no subscription could be its own"
        return Finding(name="events", state="notChecked", seen=seen)
    target = f"/sites/{place.app}/functions/{FUNCTION}".lower()
    grid = services.event_grid
    every = [one for topic in grid.topics() for one in grid.subscriptions(topic)]
    found = [one for one in every if one.target.lower().endswith(target)]
    if not found:
        seen = f"no subscription of Event Grid goes to {place.app}: {LOSSES[WRITTEN]}"
        return _finding("warning", seen, place)
    for state in ("failed", "warning"):
        faults = [fault for one in found for how, fault in _faults(one) if how == state]
        if faults:
            return _finding(state, "; ".join(faults), place)
    told = ", ".join(one.id.rpartition("/")[2] for one in found)
    return _finding("ok", f"{told} tells of groups made and deleted, and keeps dead letters", place)


def _faults(one: EventSubscription) -> Iterator[tuple[FindingState, str]]:
    name = one.id.rpartition("/")[2]
    if one.state.lower() != "succeeded":
        yield "failed", f"{name} is {one.state or 'in an unknown state'}"
    if one.schema != SCHEMA:
        yield "failed", f"{name} sends {one.schema or 'no schema'}, which the app does not read"
    for kind, operation in OPERATIONS.items():
        passes = (not one.types or kind in one.types) and (
            not one.operations or operation in one.operations
        )
        if not passes:
            state: FindingState = "failed" if kind == WRITTEN else "warning"
            yield state, f"{name} filters {operation} out: {LOSSES[kind]}"
    if not one.dead_letters:
        yield "warning", f"{name} keeps no dead letters: what is not delivered in a day is lost"


def _finding(state: FindingState, seen: str, place: Place) -> Finding:
    mend = (
        f"az deployment group create --resource-group {place.group} "
        "--template-file arm/platform/events.json (docs/install.md, step 3)"
    )
    return Finding(name="events", state=state, seen=seen, mend="" if state == "ok" else mend)
