"""Resource ids: builds them as `resourceId` does, and parses them."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.arm.functions.values import Mismatch

# The index of a group's name in an id: "", subscriptions, id, resourceGroups, name.
IN_GROUP = 4


@dataclass(frozen=True)
class Parts:
    """The parts of an id. `group` is empty for a resource of the subscription. `type` and `name`
    contain all levels."""

    group: str
    type: str
    name: str


def subscription_id(subscription: str) -> str:
    return f"/subscriptions/{subscription}"


def group_id(subscription: str, group: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{group}"


def typed_id(subscription: str, group: str, kind: str, name: str) -> str:
    """Returns a resource's id. Raises Mismatch if the type and the name have different numbers of
    levels."""
    if kind.lower() == "microsoft.resources/resourcegroups":
        return group_id(subscription, name)
    namespace, *kinds = kind.split("/")
    names = name.split("/")
    if len(names) != len(kinds):
        raise Mismatch(
            f"the type '{kind}' requires '{len(kinds)}' resource name argument(s), "
            f"there are '{len(names)}'"
        )
    root = group_id(subscription, group) if group else subscription_id(subscription)
    path = "/".join(f"{k}/{n}" for k, n in zip(kinds, names, strict=True))
    return f"{root}/providers/{namespace}/{path}"


def resource_id(subscription: str, group: str, words: Sequence[str]) -> str:
    """Returns the id for the arguments `[subscription], [group], type, name, …`. The type is the
    first argument with a slash. Raises Mismatch if there is none."""
    at = next((index for index, word in enumerate(words) if "/" in word), None)
    if at is None or at > 2:
        raise Mismatch("a fully qualified resource type is required as an argument")
    if at:
        group = words[at - 1]
    if at > 1:
        subscription = words[0]
    return typed_id(subscription, group, words[at], "/".join(words[at + 1 :]))


def relative_id(subscription: str, group: str, text: str) -> str:
    """Returns the id for `Microsoft.X/types/name/parts/name`, the form in which a template may name
    a resource of its own group. Raises Mismatch."""
    namespace, *rest = text.split("/")
    kind = "/".join([namespace, *rest[::2]])
    if "." not in namespace or len(rest) < len(("type", "name")):
        raise Mismatch(f"'{text}' does not name a resource")
    return typed_id(subscription, group, kind, "/".join(rest[1::2]))


def extension_id(target: str, kind: str, name: str) -> str:
    """Returns the id of an extension of another resource, of a group or of the subscription."""
    own = typed_id("", "", kind, name)
    return target.rstrip("/") + own.removeprefix(subscription_id(""))


def parent_of(identity: str) -> str:
    """Returns the id of the resource's parent, or an empty string if the resource has none."""
    if take_apart(identity).type.count("/") < len(("type", "part")):
        return ""
    return identity.rsplit("/", 2)[0]


def scope_of(identity: str) -> str:
    """Returns the id of the resource that an extension extends, or of the group or subscription
    that contains the resource."""
    return identity.rpartition("/providers/")[0]


def is_extension(identity: str) -> bool:
    """Returns whether the resource extends another resource."""
    return "/providers/" in scope_of(identity)


def take_apart(identity: str) -> Parts:
    """Parses an id. The type and the name of a group or a subscription are empty."""
    head, inside, tail = identity.rpartition("/providers/")
    words = (head if inside else identity).split("/")
    in_group = len(words) > IN_GROUP and words[3].lower() == "resourcegroups"
    group = words[IN_GROUP] if in_group else ""
    namespace, *rest = tail.split("/") if inside else [""]
    return Parts(group, "/".join([namespace, *rest[::2]]), "/".join(rest[1::2]))
