"""Event Grid's subscriptions of the subscription's own events, read only.

API version: systemTopics 2025-02-15. A subscription has one system topic for its events at most.
"""

from dataclasses import dataclass

from clients.management import Document, Management, items, part
from clients.settings import Settings

EVENT_GRID = "2025-02-15"
SUBSCRIPTION_EVENTS = "microsoft.resources.subscriptions"
OPERATION = "data.operationname"


@dataclass(frozen=True)
class EventSubscription:
    """`target`: resource id of what the events go to; empty for a webhook. `types` and
    `operations`, in small letters, are what passes its filters: none of them, everything."""

    id: str
    state: str
    target: str
    schema: str
    types: frozenset[str]
    operations: frozenset[str]
    dead_letters: bool


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
        """Those of one topic, by its resource id."""
        found = self._arm.pages(f"{topic}/eventSubscriptions", EVENT_GRID)
        return [_subscription(item) for item in found]


def _subscription(item: Document) -> EventSubscription:
    properties = part(item, "properties")
    wanted = part(properties, "filter")
    operations = {
        str(value).lower()
        for one in items(wanted, "advancedFilters")
        if str(one.get("key", "")).lower() == OPERATION
        for value in one.get("values") or ()
    }
    return EventSubscription(
        id=str(item["id"]),
        state=str(properties.get("provisioningState") or ""),
        target=str(part(part(properties, "destination"), "properties").get("resourceId") or ""),
        schema=str(properties.get("eventDeliverySchema") or ""),
        types=frozenset(str(t).lower() for t in wanted.get("includedEventTypes") or ()),
        operations=frozenset(operations),
        dead_letters=bool(
            properties.get("deadLetterDestination")
            or properties.get("deadLetterWithResourceIdentity")
        ),
    )
