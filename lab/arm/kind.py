"""What the stand-in knows about one resource type."""

from dataclasses import dataclass, field

from lab.arm.schema import ANY, Shape


@dataclass(frozen=True)
class Kind:
    """`required` and `immutable` are paths into the resource's body; `properties` is the shape of
    its properties, `sections` those of what else it may hold beside location and tags. `names` are
    paths to ids of other resources, where `*` stands for each item of a list or key of an object.
    An extension is put on another resource, its `scope`."""

    versions: tuple[str, ...]
    properties: Shape = ANY
    required: tuple[str, ...] = ()
    immutable: tuple[str, ...] = ()
    sections: dict[str, Shape] = field(default_factory=dict[str, Shape])
    located: bool = True
    names: tuple[str, ...] = ()
    extension: bool = False
    of_subscription: bool = False
