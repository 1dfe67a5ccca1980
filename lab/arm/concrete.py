"""A resource of a template, with all expressions evaluated that do not need a deployed resource."""

from dataclasses import dataclass, field
from typing import Any

from lab.arm.scope import Reference, settle


@dataclass
class Concrete:
    """A template's resource, ready for deployment.

    `body` is what the resource's provider receives; it may contain Pending values. `referenced`
    holds the ids that `reference` names in it. `scope` is the id of the resource that an extension
    resource extends. `group` is empty for a resource of the subscription.
    """

    id: str
    type: str
    name: str
    api_version: str
    group: str
    body: dict[str, Any]
    depends_on: list[str] = field(default_factory=list[str])
    referenced: list[str] = field(default_factory=list[str])
    scope: str = ""

    def settled(self, reference: Reference) -> dict[str, Any]:
        """Returns the body with all pending values evaluated. Raises ExpressionError, and any error
        that `reference` raises."""
        return pruned(settle(self.body, reference))


def pruned(value: Any) -> Any:
    """Returns the value without null properties: ARM treats null as absent."""
    if isinstance(value, dict):
        return {key: pruned(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [pruned(item) for item in value]
    return value
