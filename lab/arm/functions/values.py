"""Shared by all template functions: the number of their arguments, and type checks."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

KINDS: dict[type, str] = {
    bool: "Boolean", int: "Integer", float: "Float", str: "String", list: "Array",
    dict: "Object", type(None): "Null",
}  # fmt: skip


class Mismatch(Exception):  # noqa: N818 -- becomes an ArmError with the function's name and place
    """A function does not accept an argument; the message says why."""


@dataclass(frozen=True)
class Function:
    """A template function with its least and greatest number of arguments. `most` is None if there
    is no maximum."""

    run: Callable[..., Any]
    least: int
    most: int | None

    def takes(self, count: int) -> bool:
        return count >= self.least and (self.most is None or count <= self.most)

    @property
    def wanted(self) -> str:
        if self.most is None:
            return f"at least '{self.least}'"
        return f"'{self.least}'" if self.least == self.most else f"'{self.least}' to '{self.most}'"


def exactly(count: int, run: Callable[..., Any]) -> Function:
    return Function(run, count, count)


def between(least: int, most: int, run: Callable[..., Any]) -> Function:
    return Function(run, least, most)


def at_least(least: int, run: Callable[..., Any]) -> Function:
    return Function(run, least, None)


def kind(value: Any) -> str:
    return KINDS.get(type(value), type(value).__name__)


def need[T](value: Any, wanted: type[T]) -> T:
    """Returns the value if it has exactly that type. A Boolean is not an Integer. Raises
    Mismatch."""
    if type(value) is not wanted:
        raise Mismatch(f"expected a value of type '{KINDS[wanted]}', got '{kind(value)}'")
    return value


def need_one_of(value: Any, *wanted: type) -> Any:
    if type(value) not in wanted:
        allowed = ", ".join(KINDS[each] for each in wanted)
        raise Mismatch(f"expected a value of type '{allowed}', got '{kind(value)}'")
    return value


def as_text(value: Any) -> str:
    """Returns the value as the language converts it to a string. Booleans become True and False, as
    in .NET."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "True" if value else "False"
        case dict() | list():
            return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        case _:
            return str(value)


def find_key(holder: dict[str, Any], name: str) -> str | None:
    """Returns the object's own spelling of a property name, or None. Property names are
    case-insensitive."""
    if name in holder:
        return name
    return next((key for key in holder if key.lower() == name.lower()), None)
