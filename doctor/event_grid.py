"""Whether Event Grid tells this app of resource groups, as its subscription says."""

from collections.abc import Iterator
from datetime import UTC, datetime

from clients.azure.event_grid import DELETED, OPERATIONS, WRITTEN, EventSubscription
from clients.errors import Refused
from clients.services import Services
from cluster.findings import Finding, FindingState, Fix
from doctor.fixes import UNNAMED_APP, UNREGISTERED, Installation, fix_for

FUNCTION = "on_group_event"
SCHEMA = "CloudEventSchemaV1_0"
LOSSES = {WRITTEN: "tagged groups start nothing", DELETED: "groups that are deleted stay unnoticed"}


def group_events(services: Services, installation: Installation) -> Finding:
    """A subscription without Event Grid is a choice, so its absence is a warning."""
    if installation.app == UNNAMED_APP:
        seen = "the platform names no app here, so no subscription could be its own"
        return Finding(name="events", state="notChecked", seen=seen)
    grid = services.event_grid
    try:
        topics = grid.topics()
    except Refused as error:
        if not UNREGISTERED.search(str(error)):
            raise
        fix = fix_for(
            "MissingSubscriptionRegistration Microsoft.EventGrid",
            installation.redeploy,
            installation,
        )
        seen = f"the subscription does not know Event Grid: {LOSSES[WRITTEN]}"
        return Finding(name="events", state="warning", seen=seen, fix=fix)
    target = f"/sites/{installation.app}/functions/{FUNCTION}".lower()
    every = [one for topic in topics for one in grid.subscriptions(topic)]
    found = [one for one in every if one.target.lower().endswith(target)]
    fix = redeploy_events(installation, topics)
    if not found:
        seen = f"no subscription of Event Grid goes to {installation.app}: {LOSSES[WRITTEN]}"
        return Finding(name="events", state="warning", seen=seen, fix=fix)
    faults = list(_faults(found, datetime.now(UTC)))
    for state in ("failed", "warning"):
        seen = "; ".join(fault for how, fault in faults if how == state)
        if seen:
            return Finding(name="events", state=state, seen=seen, fix=fix)
    told = ", ".join(_name(one) for one in found)
    seen = f"{told} tells of groups made and deleted, and keeps dead letters"
    return Finding(name="events", state="ok", seen=seen)


def _faults(found: list[EventSubscription], now: datetime) -> Iterator[tuple[FindingState, str]]:
    """One that does not work is a warning where another does; what each lets through counts
    together."""
    broken = {_name(one): fault for one in found if (fault := _broken(one, now))}
    working = [one for one in found if _name(one) not in broken]
    for fault in broken.values():
        yield "warning" if working else "failed", fault
    for kind, operation in OPERATIONS.items() if working else ():
        passing = [one for one in working if one.passes(kind, operation)]
        names = ", ".join(_name(one) for one in working)
        if not passing:
            state: FindingState = "failed" if kind == WRITTEN else "warning"
            yield state, f"{names} filters {operation} out: {LOSSES[kind]}"
        elif all(one.unjudged for one in passing):
            filters = ", ".join(key for one in passing for key in one.unjudged)
            yield "warning", f"whether {operation} passes {filters} of {names} is not judged here"
    for one in working:
        if not one.dead_letters:
            yield "warning", f"{_name(one)} keeps no dead letters: what is not delivered is lost"
        if one.expires:
            yield "warning", f"{_name(one)} ends at {one.expires}"


def _broken(one: EventSubscription, now: datetime) -> str:
    if one.state.lower() != "succeeded":
        return f"{_name(one)} is {one.state or 'in an unknown state'}"
    if one.schema != SCHEMA:
        return f"{_name(one)} sends {one.schema or 'no schema'}, which the app does not read"
    if one.expires and _instant(one.expires) <= now:
        return f"{_name(one)} ended at {one.expires}"
    return ""


def _instant(text: str) -> datetime:
    """What cannot be read has not come yet; it is told as it stands."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _name(one: EventSubscription) -> str:
    return one.id.rpartition("/")[2]


def redeploy_events(installation: Installation, topics: list[str]) -> Fix:
    """A topic that another group has takes the template there."""
    text = "deploy it again (docs/install.md, step 3); with a name of your own: name=NAME"
    topic = topics[0].split("/") if topics else []
    group = (
        topic[topic.index("resourceGroups") + 1]
        if "resourceGroups" in topic
        else installation.group
    )
    command = (
        f"az deployment group create --resource-group {group} "
        "--template-file arm/platform/events.json"
    )
    if group.lower() != installation.group.lower():
        command += f" --parameters existingTopic={topic[-1]} installationGroup={installation.group}"
    return Fix(text=text, command=command)
