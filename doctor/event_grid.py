"""Checks the event subscription that sends events of resource groups to this app."""

from collections.abc import Iterator
from datetime import UTC, datetime

from clients.azure.event_grid import (
    GROUP_DELETED,
    GROUP_WRITTEN,
    OPERATIONS,
    TAGS_WRITTEN,
    EventSubscription,
)
from clients.errors import Refused
from clients.services import Services
from cluster.findings import Finding, FindingState, Fix
from doctor.fixes import UNNAMED_APP, UNREGISTERED, Installation, fix_for

FUNCTION = "on_group_event"
SCHEMA = "CloudEventSchemaV1_0"
# What does not work without events of that operation.
LOSSES = {
    GROUP_WRITTEN: "tagged groups start nothing",
    TAGS_WRITTEN: "tags that are put on existing groups start nothing",
    GROUP_DELETED: "deleted groups are not detected",
}


def group_events(services: Services, installation: Installation) -> Finding:
    """Checks the subscription. Event Grid is optional, so its absence is a warning only."""
    if installation.app == UNNAMED_APP:
        seen = "the environment names no function app, so its event subscription cannot be found"
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
        seen = f"Event Grid is not registered in the subscription: {LOSSES[GROUP_WRITTEN]}"
        return Finding(name="events", state="warning", seen=seen, fix=fix)
    target = f"/sites/{installation.app}/functions/{FUNCTION}".lower()
    every = [one for topic in topics for one in grid.subscriptions(topic)]
    found = [one for one in every if one.target.lower().endswith(target)]
    fix = redeploy_events(installation, topics)
    if not found:
        seen = f"no event subscription has the target {installation.app}: {LOSSES[GROUP_WRITTEN]}"
        return Finding(name="events", state="warning", seen=seen, fix=fix)
    faults = list(_faults(found, datetime.now(UTC)))
    for state in ("failed", "warning"):
        seen = "; ".join(fault for how, fault in faults if how == state)
        if seen:
            return Finding(name="events", state=state, seen=seen, fix=fix)
    names = ", ".join(_name(one) for one in found)
    seen = f"{names} sends events of created and deleted groups, and stores dead letters"
    return Finding(name="events", state="ok", seen=seen)


def _faults(found: list[EventSubscription], now: datetime) -> Iterator[tuple[FindingState, str]]:
    """State and text of each fault. A subscription that does not work is a warning if another one
    works, and an event has to pass the filter of one of them."""
    broken = {_name(one): fault for one in found if (fault := _broken(one, now))}
    working = [one for one in found if _name(one) not in broken]
    for fault in broken.values():
        yield "warning" if working else "failed", fault
    wanted = [(kind, one) for kind, operations in OPERATIONS.items() for one in operations]
    for kind, operation in wanted if working else ():
        passing = [one for one in working if one.passes(kind, operation)]
        names = ", ".join(_name(one) for one in working)
        if not passing:
            state: FindingState = "failed" if operation == GROUP_WRITTEN else "warning"
            yield state, f"{names} filters {operation} out: {LOSSES[operation]}"
        elif all(one.unjudged for one in passing):
            filters = ", ".join(key for one in passing for key in one.unjudged)
            yield "warning", f"cannot judge whether {operation} passes {filters} of {names}"
    for one in working:
        if not one.dead_letters:
            yield (
                "warning",
                f"{_name(one)} stores no dead letters: undelivered events are lost",
            )
        if one.expires:
            yield "warning", f"{_name(one)} expires at {one.expires}"


def _broken(one: EventSubscription, now: datetime) -> str:
    if one.state.lower() != "succeeded":
        return f"{_name(one)} is {one.state or 'in an unknown state'}"
    if one.schema != SCHEMA:
        return f"{_name(one)} sends {one.schema or 'no schema'}, which the app cannot read"
    if one.expires and _instant(one.expires) <= now:
        return f"{_name(one)} expired at {one.expires}"
    return ""


def _instant(text: str) -> datetime:
    """The time of a text; the far future if it is not a time, so that the text is shown."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _name(one: EventSubscription) -> str:
    return one.id.rpartition("/")[2]


def redeploy_events(installation: Installation, topics: list[str]) -> Fix:
    """Deploys the event subscription again, in the resource group of an existing topic."""
    text = (
        "deploy the event subscription again (docs/install.md, step 3); for another name add "
        "name=NAME"
    )
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
