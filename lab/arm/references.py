"""Ids inside resources: each must name an existing resource, and a resource in use cannot be
deleted."""

from collections.abc import Iterator
from typing import Any

from lab.arm.concrete import Concrete
from lab.arm.errors import ArmError
from lab.arm.functions.values import find_key
from lab.arm.ids import parent_of
from lab.arm.kind import Kind
from lab.arm.state import ArmState


def named_ids(value: Any) -> Iterator[str]:
    """Yields every `{"id": "/subscriptions/…"}` of a body."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "id" and isinstance(item, str) and item.lower().startswith("/subscriptions/"):
                yield item
            else:
                yield from named_ids(item)
    elif isinstance(value, list):
        for item in value:
            yield from named_ids(item)


def refuse_dangling(state: ArmState, identity: str, body: dict[str, Any]) -> None:
    """Raises ArmError (400 InvalidResourceReference) if an id in the body names no existing
    resource."""
    for target in named_ids(body.get("properties")):
        if not _exists(state, target, identity, body):
            raise ArmError(
                400,
                "InvalidResourceReference",
                f"Resource {target} referenced by resource {identity} was not found. Please make "
                "sure that the referenced resource exists, and that both resources are in the same "
                "region.",
            )


def refuse_missing(state: ArmState, kind: Kind, concrete: Concrete, body: dict[str, Any]) -> None:
    """Raises ArmError (404) if the resource's parent, the resource that it extends, or one that its
    rules' `names` point to does not exist."""
    parent = parent_of(concrete.id)
    if parent and state.get(parent) is None:
        raise ArmError(
            404, "ParentResourceNotFound",
            f"Failed to perform 'write' on resource '{concrete.id}': its parent resource "
            f"'{parent}' was not found.",
        )  # fmt: skip
    named = [target for path in kind.rules.names for target in _at(body, path.split("."))]
    for target in [*named, *([concrete.scope] if concrete.scope else [])]:
        if not _is_here(state, target):
            raise ArmError(
                404, "ResourceNotFound",
                f"The Resource '{target}', which '{concrete.name}' names, was not found.",
            )  # fmt: skip


def _is_here(state: ArmState, target: str) -> bool:
    words = target.strip("/").lower().split("/")
    match words:
        case ["subscriptions", _]:
            return True
        case ["subscriptions", _, "resourcegroups", group]:
            return group in state.groups
        case _:
            return state.get(target) is not None


def _at(value: Any, path: list[str]) -> Iterator[str]:
    """Yields the strings at a path. `*` stands for each item of a list or each key of an object."""
    if not path:
        if isinstance(value, str) and value:
            yield value
    elif path[0] == "*":
        for item in value or ():
            yield from _at(item, path[1:])
    elif isinstance(value, dict) and (key := find_key(value, path[0])):
        yield from _at(value[key], path[1:])


def _exists(state: ArmState, target: str, identity: str, body: dict[str, Any]) -> bool:
    if state.get(target) is not None:
        return True
    # A child item of a resource: …/loadBalancers/name/backendAddressPools/name
    whole, _, tail = target.rpartition("/")
    owner, _, collection = whole.rpartition("/")
    found = body if owner.lower() == identity.lower() else (state.get(owner) or {}).get("body")
    if not found:
        return False
    lists = {key.lower(): items for key, items in (found.get("properties") or {}).items()}
    items = lists.get(collection.lower())
    return isinstance(items, list) and any(
        isinstance(item, dict) and str(item.get("name", "")).lower() == tail.lower()
        for item in items
    )


def users(state: ArmState, identity: str) -> list[dict[str, Any]]:
    """Returns the resources that refer to this one or to a child of it. The resource and its own
    children are excluded."""
    own = identity.lower()
    with state.lock:
        return [
            other
            for key, other in state.resources.items()
            if key != own
            and not key.startswith(f"{own}/")
            and any(_within(target, own) for target in named_ids(other["body"].get("properties")))
        ]


def _within(target: str, own: str) -> bool:
    text = target.lower()
    return text == own or text.startswith(f"{own}/")
