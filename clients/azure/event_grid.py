"""Event Grid: reads the event subscriptions for the events of the Azure subscription.

API version: systemTopics 2025-02-15. A subscription has one system topic for its events at most.
"""

from dataclasses import dataclass

from clients.azure.management import Document, Management, items, part
from clients.settings import Settings

EVENT_GRID = "2025-02-15"
SUBSCRIPTION_EVENTS = "microsoft.resources.subscriptions"
OPERATION = "data.operationname"
# Types of events, and the operations on resource groups that they are sent for. The Tags API, which
# the portal, policies and `az tag` use, writes tags by an operation of its own.
WRITTEN = "microsoft.resources.resourcewritesuccess"
DELETED = "microsoft.resources.resourcedeletesuccess"
GROUP_WRITTEN = "microsoft.resources/subscriptions/resourcegroups/write"
GROUP_DELETED = "microsoft.resources/subscriptions/resourcegroups/delete"
TAGS_WRITTEN = "microsoft.resources/tags/write"
OPERATIONS = {WRITTEN: (GROUP_WRITTEN, TAGS_WRITTEN), DELETED: (GROUP_DELETED,)}


@dataclass(frozen=True)
class EventSubscription:
    """The properties of an event subscription that the doctor checks.

    Attributes:
        target: resource id of what the events go to; empty for a webhook.
        types: event types that pass its filter, in lower case; None for all.
        operations: values of `data.operationName` that pass, in lower case; None for all.
        unjudged: other filters as "key operator"; they may stop any event.
        expires: its end, ISO 8601 in UTC; empty if it has none.
    """

    id: str
    state: str
    target: str
    schema: str
    types: frozenset[str] | None
    operations: frozenset[str] | None
    dead_letters: bool
    unjudged: tuple[str, ...] = ()
    expires: str = ""

    def passes(self, kind: str, operation: str) -> bool:
        """Whether an event passes `types` and `operations`."""
        return (self.types is None or kind in self.types) and (
            self.operations is None or operation in self.operations
        )


class EventGrid:
    """Every method may raise Transient or Refused."""

    def __init__(self, settings: Settings) -> None:
        self._arm = Management(settings)

    def topics(self) -> list[str]:
        """Resource ids of the system topics that have the subscription's own events."""
        path = f"{self._arm.subscription}/providers/Microsoft.EventGrid/systemTopics"
        return [
            str(topic["id"])
            for topic in self._arm.pages(path, EVENT_GRID)
            if str(part(topic, "properties").get("topicType")).lower() == SUBSCRIPTION_EVENTS
        ]

    def subscriptions(self, topic: str) -> list[EventSubscription]:
        """The event subscriptions of a topic, by the topic's resource id."""
        found = self._arm.pages(f"{topic}/eventSubscriptions", EVENT_GRID)
        return [_subscription(item) for item in found]


def _subscription(item: Document) -> EventSubscription:
    properties = part(item, "properties")
    wanted = part(properties, "filter")
    types = frozenset(str(t).lower() for t in wanted.get("includedEventTypes") or ())
    operations, unjudged = _advanced(items(wanted, "advancedFilters"))
    unjudged += [name for name in ("subjectBeginsWith", "subjectEndsWith") if wanted.get(name)]
    return EventSubscription(
        id=str(item["id"]),
        state=str(properties.get("provisioningState") or ""),
        target=str(part(part(properties, "destination"), "properties").get("resourceId") or ""),
        schema=str(properties.get("eventDeliverySchema") or ""),
        types=types if types - {"all"} else None,
        operations=operations,
        dead_letters=bool(
            properties.get("deadLetterDestination")
            or properties.get("deadLetterWithResourceIdentity")
        ),
        unjudged=tuple(unjudged),
        expires=str(properties.get("expirationTimeUtc") or ""),
    )


def _advanced(filters: list[Document]) -> tuple[frozenset[str] | None, list[str]]:
    """An event has to pass every filter, with any of its values."""
    operations: frozenset[str] | None = None
    unjudged: list[str] = []
    for one in filters:
        key, operator = str(one.get("key", "")), str(one.get("operatorType", ""))
        if key.lower() != OPERATION or operator.lower() != "stringin":
            unjudged.append(f"{key} {operator}")
            continue
        values = frozenset(str(value).lower() for value in one.get("values") or ())
        operations = values if operations is None else operations & values
    return operations, unjudged
