"""Integer arithmetic of the template language. As in .NET, division rounds towards zero."""

from typing import Any

from lab.arm.functions.values import Mismatch, at_least, exactly, need, need_one_of


def div(a: int, b: int) -> int:
    if need(b, int) == 0:
        raise Mismatch("division by zero")
    quotient = abs(need(a, int)) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def mod(a: int, b: int) -> int:
    return a - b * div(a, b)


def to_int(value: Any) -> int:
    need_one_of(value, int, str)
    try:
        return int(value)
    except ValueError:
        raise Mismatch(f"'{value}' is not an integer") from None


def _several(values: tuple[Any, ...]) -> list[int]:
    found = values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)
    if not found:
        raise Mismatch("there is no value")
    return [need(value, int) for value in found]


FUNCTIONS = {
    "add": exactly(2, lambda a, b: need(a, int) + need(b, int)),
    "div": exactly(2, div),
    "int": exactly(1, to_int),
    "max": at_least(1, lambda *v: max(_several(v))),
    "min": at_least(1, lambda *v: min(_several(v))),
    "mod": exactly(2, mod),
    "mul": exactly(2, lambda a, b: need(a, int) * need(b, int)),
    "sub": exactly(2, lambda a, b: need(a, int) - need(b, int)),
}
