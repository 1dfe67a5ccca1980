"""What the stand-in stores about a resource type."""

from dataclasses import dataclass

from lab.arm.resource_types import ResourceType


@dataclass(frozen=True)
class Rules:
    """Rules that the published types do not contain.

    `required` and `immutable` are paths in the resource's body. `names` are paths to ids of other
    resources. `open` are paths to enumerations of which the service knows more values than are
    published. In a path, `*` stands for each item of a list or each key of an object.
    """

    required: tuple[str, ...] = ()
    immutable: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """A resource type: its published types by API version, and its rules."""

    types: dict[str, ResourceType]
    rules: Rules

    @property
    def versions(self) -> tuple[str, ...]:
        return tuple(self.types)

    @property
    def newest(self) -> ResourceType:
        return self.types[max(self.types)]
