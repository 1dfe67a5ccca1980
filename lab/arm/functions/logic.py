"""Template functions for comparison and logic. The scope evaluates `if`, because only one branch of
it is evaluated."""

from typing import Any

from lab.arm.functions.values import Mismatch, at_least, exactly, kind, need, need_one_of


def equals(a: Any, b: Any) -> bool:
    """Returns whether the values are equal. Values of different types never are; strings are
    case-sensitive."""
    return type(a) is type(b) and a == b


def to_bool(value: Any) -> bool:
    need_one_of(value, bool, int, str)
    if isinstance(value, str):
        if value.lower() not in ("true", "false"):
            raise Mismatch(f"'{value}' is not a boolean")
        return value.lower() == "true"
    return bool(value)


def fail(message: Any) -> None:
    """Fails the deployment with the template's message."""
    raise Mismatch(need(message, str))


def _booleans(values: tuple[Any, ...]) -> list[bool]:
    return [need(value, bool) for value in values]


def compare(a: Any, b: Any) -> int:
    """Returns -1, 0 or 1. Strings are compared by code points. Raises Mismatch for other types."""
    if type(a) is not type(b) or type(a) not in (int, str):
        raise Mismatch(f"'{kind(a)}' and '{kind(b)}' cannot be compared")
    return (a > b) - (a < b)


FUNCTIONS = {
    "and": at_least(2, lambda *v: all(_booleans(v))),
    "bool": exactly(1, to_bool),
    "coalesce": at_least(1, lambda *v: next((value for value in v if value is not None), None)),
    "equals": exactly(2, equals),
    "fail": exactly(1, fail),
    "false": exactly(0, lambda: False),
    "greater": exactly(2, lambda a, b: compare(a, b) > 0),
    "greaterorequals": exactly(2, lambda a, b: compare(a, b) >= 0),
    "less": exactly(2, lambda a, b: compare(a, b) < 0),
    "lessorequals": exactly(2, lambda a, b: compare(a, b) <= 0),
    "not": exactly(1, lambda v: not need(v, bool)),
    "null": exactly(0, lambda: None),
    "or": at_least(2, lambda *v: any(_booleans(v))),
    "true": exactly(0, lambda: True),
}
