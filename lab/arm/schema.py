"""Shapes of resource properties, and the check of a body against one.

A shape is a scalar (TEXT, NUMBER, FLAG, ANY), a tuple of allowed words, a list of one shape, or an
object of shapes. ARM ignores case in names and in words.
"""

from typing import Any

from lab.arm.errors import ArmError
from lab.arm.scope import Pending

TEXT, NUMBER, FLAG, ANY = "text", "number", "flag", "any"
SCALARS: dict[str, tuple[type, str]] = {
    TEXT: (str, "System.String"),
    NUMBER: (int, "System.Int32"),
    FLAG: (bool, "System.Boolean"),
}
ID: dict[str, Any] = {"id": TEXT}

type Shape = str | tuple[str, ...] | list[Shape] | dict[str, Shape]


def named(properties: Shape, **others: Shape) -> Shape:
    """An item of a list inside of a resource, as Microsoft.Network has many."""
    return {"name": TEXT, "id": TEXT, "type": TEXT, "properties": properties, **others}


def check(shape: Shape, value: Any, owner: str, path: str) -> None:
    """
    Raises:
        ArmError: InvalidRequestFormat, as resource providers answer; the first fault only.
    """
    if isinstance(value, Pending) or shape == ANY:
        return
    if isinstance(shape, dict):
        _check_object(shape, value, owner, path)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise malformed(f"Cannot deserialize the current value into a list. Path '{path}'")
        for index, item in enumerate(value):
            check(shape[0], item, owner, f"{path}[{index}]")
    elif isinstance(shape, tuple):
        if not isinstance(value, str) or value.lower() not in {word.lower() for word in shape}:
            raise malformed(
                f"Error converting value '{value}' of '{path}'. Allowed values are "
                f"'{', '.join(shape)}'"
            )
    else:
        wanted, title = SCALARS[shape]
        if type(value) is not wanted:
            raise malformed(f"Error converting value '{value}' to type '{title}'. Path '{path}'")


def _check_object(shape: dict[str, Shape], value: Any, owner: str, path: str) -> None:
    if not isinstance(value, dict):
        raise malformed(f"Cannot deserialize the current value into an object. Path '{path}'")
    known = {name.lower(): name for name in shape}
    for key, item in value.items():
        name = known.get(key.lower())
        if name is None:
            raise malformed(
                f"Could not find member '{key}' on object of type '{owner}'. Path '{path}.{key}'"
            )
        check(shape[name], item, name[0].upper() + name[1:], f"{path}.{key}")


def canonical(shape: Any, value: Any) -> Any:
    """A value that was checked, with names and words written as in the shape."""
    if isinstance(shape, dict) and isinstance(value, dict):
        known = {name.lower(): name for name in shape}
        names = {key: known.get(key.lower(), key) for key in value}
        return {n: canonical(shape.get(n, ANY), value[key]) for key, n in names.items()}
    if isinstance(shape, list) and isinstance(value, list):
        return [canonical(shape[0], item) for item in value]
    if isinstance(shape, tuple) and isinstance(value, str):
        return next((word for word in shape if word.lower() == value.lower()), value)
    return value


def malformed(message: str) -> ArmError:
    return ArmError(
        400,
        "InvalidRequestFormat",
        "Cannot parse the request.",
        [{"code": "InvalidJson", "message": f"{message}."}],
    )
