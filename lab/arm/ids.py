"""Resource ids: built as `resourceId` builds them, and taken apart."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.arm.functions.values import Mismatch

# Where a group's name stands: "", subscriptions, id, resourceGroups, name.
IN_GROUP = 4


@dataclass(frozen=True)
class Parts:
    """`group` is empty for what belongs to the subscription; `type` and `name` hold all levels."""

    group: str
    type: str
    name: str


def subscription_id(subscription: str) -> str:
    return f"/subscriptions/{subscription}"


def group_id(subscription: str, group: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{group}"


def typed_id(subscription: str, group: str, kind: str, name: str) -> str:
    """Raises Mismatch where type and name have not the same number of levels."""
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
    """`[subscription], [group], type, name, …`: the type is the first word with a slash."""
    at = next((index for index, word in enumerate(words) if "/" in word), None)
    if at is None or at > 2:
        raise Mismatch("a fully qualified resource type is required as an argument")
    if at:
        group = words[at - 1]
    if at > 1:
        subscription = words[0]
    return typed_id(subscription, group, words[at], "/".join(words[at + 1 :]))


def relative_id(subscription: str, group: str, text: str) -> str:
    """`Microsoft.X/types/name/parts/name`, as a template may name what is in its own group."""
    namespace, *rest = text.split("/")
    kind = "/".join([namespace, *rest[::2]])
    if "." not in namespace or len(rest) < len(("type", "name")):
        raise Mismatch(f"'{text}' does not name a resource")
    return typed_id(subscription, group, kind, "/".join(rest[1::2]))


def extension_id(target: str, kind: str, name: str) -> str:
    """Of what is put on another resource, a group or the subscription."""
    own = typed_id("", "", kind, name)
    return target.rstrip("/") + own.removeprefix(subscription_id(""))


def parent_of(identity: str) -> str:
    """The id of the resource that this one is a part of; empty for what stands by itself."""
    if take_apart(identity).type.count("/") < len(("type", "part")):
        return ""
    return identity.rsplit("/", 2)[0]


def scope_of(identity: str) -> str:
    """What a resource stands on or in: another resource, a group, or the subscription."""
    return identity.rpartition("/providers/")[0]


def is_extension(identity: str) -> bool:
    """Whether it stands on another resource."""
    return "/providers/" in scope_of(identity)


def take_apart(identity: str) -> Parts:
    """Of a group or a subscription, type and name are empty."""
    head, inside, tail = identity.rpartition("/providers/")
    words = (head if inside else identity).split("/")
    in_group = len(words) > IN_GROUP and words[3].lower() == "resourcegroups"
    group = words[IN_GROUP] if in_group else ""
    namespace, *rest = tail.split("/") if inside else [""]
    return Parts(group, "/".join([namespace, *rest[::2]]), "/".join(rest[1::2]))
