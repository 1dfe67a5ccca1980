"""Template functions with a `lambda(…)` argument, which the scope converts to a Python function."""

import functools
from collections.abc import Callable
from typing import Any

from lab.arm.functions.values import Mismatch, between, exactly, need


def _callable(value: Any) -> Callable[..., Any]:
    if not callable(value):
        raise Mismatch("expected a lambda")
    return value


def sort(items: list[Any], before: Callable[..., Any]) -> list[Any]:
    """Returns the items in order. `before(a, b)` returns whether a comes first."""
    comes_first = _callable(before)
    key = functools.cmp_to_key(lambda a, b: -1 if comes_first(a, b) else int(comes_first(b, a)))
    return sorted(need(items, list), key=key)


def reduce(items: list[Any], initial: Any, step: Callable[..., Any]) -> Any:
    found = initial
    for index, item in enumerate(need(items, list)):
        found = _callable(step)(found, item, index)
    return found


def group_by(items: list[Any], name: Callable[..., Any]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for item in need(items, list):
        groups.setdefault(need(_callable(name)(item), str), []).append(item)
    return groups


def to_object(
    items: list[Any], name: Callable[..., Any], value: Callable[..., Any] = lambda item: item
) -> dict[str, Any]:
    return {need(_callable(name)(i), str): _callable(value)(i) for i in need(items, list)}


def _filter(items: list[Any], wanted: Callable[..., Any]) -> list[Any]:
    test = _callable(wanted)
    return [item for at, item in enumerate(need(items, list)) if need(test(item, at), bool)]


FUNCTIONS = {
    "filter": exactly(2, _filter),
    "groupby": exactly(2, group_by),
    "map": exactly(2, lambda v, f: [_callable(f)(x, at) for at, x in enumerate(need(v, list))]),
    "mapvalues": exactly(2, lambda o, f: {k: _callable(f)(v) for k, v in need(o, dict).items()}),
    "reduce": exactly(3, reduce),
    "sort": exactly(2, sort),
    "toobject": between(2, 3, to_object),
}
