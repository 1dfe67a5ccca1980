"""One resource of a template with everything evaluated that can be before it is deployed."""

from dataclasses import dataclass, field
from typing import Any

from lab.arm.scope import Reference, settle


@dataclass
class Concrete:
    """`body` is what the resource's provider gets; it may hold Pending values. `referenced` holds
    the ids that `reference` names in it. `scope` is the id of what an extension is put on; `group`
    is empty for what belongs to the subscription."""

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
        """The body with nothing pending. Raises ExpressionError, and what `reference` raises."""
        return pruned(settle(self.body, reference))


def pruned(value: Any) -> Any:
    """ARM takes null as absent."""
    if isinstance(value, dict):
        return {key: pruned(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [pruned(item) for item in value]
    return value
