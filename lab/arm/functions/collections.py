"""Template functions for arrays and objects."""

from typing import Any

from lab.arm.functions.values import (
    Mismatch,
    at_least,
    exactly,
    find_key,
    need,
    need_one_of,
)

MAX_RANGE = 10_000


def union(*values: Any) -> Any:
    """Merges objects recursively, the last value wins; or joins arrays without duplicates."""
    if isinstance(values[0], dict):
        merged: dict[str, Any] = {}
        for value in values:
            merged = _merge(merged, need(value, dict))
        return merged
    found: list[Any] = []
    for value in values:
        for item in need(value, list):
            if item not in found:
                found.append(item)
    return found


def _merge(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    merged = dict(one)
    for name, value in two.items():
        key = find_key(merged, name) or name
        below: Any = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = _merge(below, value) if both else value
    return merged


def intersection(first: Any, *others: Any) -> Any:
    if isinstance(first, dict):
        return {
            name: value
            for name, value in first.items()
            if all(name in need(other, dict) and other[name] == value for other in others)
        }
    return [item for item in need(first, list) if all(item in need(o, list) for o in others)]


def contains(holder: Any, item: Any) -> bool:
    if isinstance(holder, dict):
        return find_key(holder, need(item, str)) is not None
    if isinstance(holder, str):
        return need(item, str) in holder
    return item in need(holder, list)


def create_object(*pairs: Any) -> dict[str, Any]:
    if len(pairs) % 2:
        raise Mismatch("the arguments must be pairs of a name and a value")
    return dict(zip((need(name, str) for name in pairs[::2]), pairs[1::2], strict=True))


def number_range(start: int, count: int) -> list[int]:
    if not 0 <= need(count, int) <= MAX_RANGE:
        raise Mismatch(f"the count must be from 0 to {MAX_RANGE}")
    return list(range(need(start, int), start + count))


def try_get(holder: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(holder, dict):
            found = find_key(holder, need(key, str))
            holder = holder[found] if found is not None else None
        elif isinstance(holder, list):
            holder = holder[key] if type(key) is int and 0 <= key < len(holder) else None
        else:
            return None
    return holder


def _position(holder: Any, item: Any) -> int:
    if isinstance(holder, list):
        return holder.index(item) if item in holder else -1
    return need(holder, str).lower().find(need(item, str).lower())


def _edge(value: Any, at: int) -> Any:
    if isinstance(value, str):
        return value[at] if value else ""
    return need(value, list)[at] if value else None


def _sized(value: Any) -> Any:
    return need_one_of(value, str, list, dict)


FUNCTIONS = {
    "array": exactly(1, lambda v: v if isinstance(v, list) else [v]),
    "contains": exactly(2, contains),
    "createarray": at_least(0, lambda *v: list(v)),
    "createobject": at_least(0, create_object),
    "empty": exactly(1, lambda v: v is None or not _sized(v)),
    "first": exactly(1, lambda v: _edge(v, 0)),
    "flatten": exactly(
        1, lambda v: [item for inner in need(v, list) for item in need(inner, list)]
    ),
    "indexof": exactly(2, _position),
    "intersection": at_least(2, intersection),
    "items": exactly(1, lambda o: [{"key": k, "value": o[k]} for k in sorted(need(o, dict))]),
    "last": exactly(1, lambda v: _edge(v, -1)),
    "length": exactly(1, lambda v: len(_sized(v))),
    "objectkeys": exactly(1, lambda o: sorted(need(o, dict))),
    "range": exactly(2, number_range),
    "shallowmerge": exactly(1, lambda v: {k: i[k] for i in need(v, list) for k in need(i, dict)}),
    "skip": exactly(2, lambda v, n: need_one_of(v, str, list)[max(0, need(n, int)) :]),
    "take": exactly(2, lambda v, n: need_one_of(v, str, list)[: max(0, need(n, int))]),
    "tryget": at_least(2, try_get),
    "union": at_least(1, union),
}
