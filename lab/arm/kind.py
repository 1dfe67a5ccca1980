"""What the stand-in knows about one resource type."""

from dataclasses import dataclass

from lab.arm.resource_types import ResourceType


@dataclass(frozen=True)
class Rules:
    """What the published types do not say. `required` and `immutable` are paths into the resource's
    body. `names` are paths to ids of other resources, and `open` to words of which the service
    knows more than are listed; `*` stands for each item of a list or key of an object."""

    required: tuple[str, ...] = ()
    immutable: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """`types` are by API version."""

    types: dict[str, ResourceType]
    rules: Rules

    @property
    def versions(self) -> tuple[str, ...]:
        return tuple(self.types)

    @property
    def newest(self) -> ResourceType:
        return self.types[max(self.types)]
