"""The template language's functions that need nothing but their arguments."""

import base64
import hashlib
import json
import uuid
from collections.abc import Callable
from typing import Any

from lab.arm.errors import invalid_template

type Function = Callable[..., Any]


def _format(text: str, *values: Any) -> str:
    parts: list[str] = []
    rest = text
    while rest:
        before, brace, after = rest.partition("{")
        parts.append(before)
        if not brace:
            break
        index, _, rest = after.partition("}")
        parts.append(_string(values[int(index)]))
    return "".join(parts)


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":")) if value is not None else ""


def _concat(*values: Any) -> Any:
    if values and all(isinstance(value, list) for value in values):
        return [item for value in values for item in value]
    return "".join(_string(value) for value in values)


def _union(*values: Any) -> Any:
    if all(isinstance(value, dict) for value in values):
        merged: dict[str, Any] = {}
        for value in values:
            merged |= value
        return merged
    found: list[Any] = []
    for value in values:
        found += [item for item in value if item not in found]
    return found


def _intersection(*values: Any) -> Any:
    first, *rest = values
    if isinstance(first, dict):
        return {k: v for k, v in first.items() if all(o.get(k) == v for o in rest)}
    return [item for item in first if all(item in other for other in rest)]


def _contains(holder: Any, item: Any) -> bool:
    if isinstance(holder, dict):
        return str(item).lower() in {str(key).lower() for key in holder}
    return item in holder


def _equals(a: Any, b: Any) -> bool:
    return type(a) is type(b) and a == b


def _array(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _create_object(*pairs: Any) -> dict[str, Any]:
    if len(pairs) % 2:
        raise invalid_template("createObject needs pairs of name and value")
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


def _div(a: int, b: int) -> int:
    if b == 0:
        raise invalid_template("division by zero")
    return int(a / b)


def _mod(a: int, b: int) -> int:
    if b == 0:
        raise invalid_template("modulo by zero")
    return a % b


def _numbers(*values: Any) -> list[int]:
    return values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)


def _unique(*values: str) -> str:
    digest = hashlib.sha256("-".join(values).lower().encode()).digest()
    return base64.b32encode(digest).decode().lower()[:13]


def _flatten(value: list[list[Any]]) -> list[Any]:
    return [item for inner in value for item in inner]


def _split(text: str, separators: str | list[str]) -> list[str]:
    marks = [separators] if isinstance(separators, str) else separators
    for mark in marks[1:]:
        text = text.replace(mark, marks[0])
    return text.split(marks[0])


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


FUNCTIONS: dict[str, Function] = {
    "add": lambda a, b: a + b,
    "and": lambda *v: all(v),
    "array": _array,
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64tostring": lambda s: base64.b64decode(s).decode(),
    "bool": lambda v: str(v).lower() in ("true", "1"),
    "coalesce": _coalesce,
    "concat": _concat,
    "contains": _contains,
    "createarray": lambda *v: list(v),
    "createobject": _create_object,
    "div": _div,
    "empty": lambda v: v is None or len(v) == 0,
    "endswith": lambda s, e: s.lower().endswith(e.lower()),
    "equals": _equals,
    "false": lambda: False,
    "first": lambda v: v[0] if v else None,
    "flatten": _flatten,
    "format": _format,
    "greater": lambda a, b: a > b,
    "greaterorequals": lambda a, b: a >= b,
    "guid": lambda *v: str(uuid.uuid5(uuid.NAMESPACE_URL, "-".join(v))),
    "indexof": lambda s, t: s.lower().find(t.lower()),
    "int": int,
    "intersection": _intersection,
    "items": lambda o: [{"key": k, "value": o[k]} for k in sorted(o)],
    "join": lambda v, s: s.join(map(_string, v)),
    "json": json.loads,
    "last": lambda v: v[-1] if v else None,
    "length": len,
    "less": lambda a, b: a < b,
    "lessorequals": lambda a, b: a <= b,
    "max": lambda *v: max(_numbers(*v)),
    "min": lambda *v: min(_numbers(*v)),
    "mod": _mod,
    "mul": lambda a, b: a * b,
    "not": lambda v: not v,
    "null": lambda: None,
    "objectkeys": sorted,
    "or": lambda *v: any(v),
    "padleft": lambda v, n, c=" ": _string(v).rjust(n, c),
    "range": lambda a, n: list(range(a, a + n)),
    "replace": lambda s, a, b: s.replace(a, b),
    "skip": lambda v, n: v[max(0, n) :],
    "split": _split,
    "startswith": lambda s, e: s.lower().startswith(e.lower()),
    "string": _string,
    "sub": lambda a, b: a - b,
    "substring": lambda s, a, n=None: s[a:] if n is None else s[a : a + n],
    "take": lambda v, n: v[: max(0, n)],
    "tolower": lambda s: s.lower(),
    "toupper": lambda s: s.upper(),
    "trim": lambda s: s.strip(),
    "true": lambda: True,
    "union": _union,
    "uniquestring": _unique,
    "uri": lambda a, b: a.rstrip("/") + "/" + b.lstrip("/"),
}
