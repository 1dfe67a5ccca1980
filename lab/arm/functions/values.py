"""What every function shares: its number of arguments, and the checks of their types."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

KINDS: dict[type, str] = {
    bool: "Boolean", int: "Integer", float: "Float", str: "String", list: "Array",
    dict: "Object", type(None): "Null",
}  # fmt: skip


class Mismatch(Exception):  # noqa: N818 -- becomes an ArmError with the function's name and place
    """An argument that the function does not take; the text says why."""


@dataclass(frozen=True)
class Function:
    """`most` is None where any number of arguments is taken."""

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
    """The value, if it is of that type; a Boolean is no Integer."""
    if type(value) is not wanted:
        raise Mismatch(f"expected a value of type '{KINDS[wanted]}', got '{kind(value)}'")
    return value


def need_one_of(value: Any, *wanted: type) -> Any:
    if type(value) not in wanted:
        allowed = ", ".join(KINDS[each] for each in wanted)
        raise Mismatch(f"expected a value of type '{allowed}', got '{kind(value)}'")
    return value


def as_text(value: Any) -> str:
    """As the language turns values into text: True and False as .NET writes them."""
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
    """Property names are compared without regard to case."""
    if name in holder:
        return name
    return next((key for key in holder if key.lower() == name.lower()), None)
