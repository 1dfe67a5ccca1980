"""Resource ids: built as `resourceId` builds them, and taken apart."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.arm.functions.values import Mismatch


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


def take_apart(identity: str) -> Parts:
    head, _, tail = identity.rpartition("/providers/")
    words = head.split("/")
    group = words[4] if len(words) > 4 else ""
    namespace, *rest = tail.split("/")
    return Parts(group, "/".join([namespace, *rest[::2]]), "/".join(rest[1::2]))
