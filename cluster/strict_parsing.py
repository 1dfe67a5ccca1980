"""JSON and YAML without what two readers would read differently: a key that appears twice, NaN,
aliases, keys that are no text, half of a surrogate pair, nesting without end."""

import json
from collections.abc import Callable, Iterable
from typing import Any, cast

import yaml

# A spec is five levels deep.
MAX_NESTING = 16


def plain_json(text: str) -> Any:
    """Raises ValueError or RecursionError with what is wrong."""
    return _plain(json.loads(text, object_pairs_hook=_mapping))


def plain_yaml(text: str) -> Any:
    """Raises yaml.YAMLError, ValueError, TypeError or RecursionError with what is wrong."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            # They can grow without end.
            raise ValueError("YAML aliases are not taken")  # noqa: TRY004 -- it is a value's fault
    # The loader is a safe one; S506 knows only the library's own by name.
    found = yaml.load(text, Loader=_Loader)  # noqa: S506  # nosec B506
    # Through JSON, so that a YAML date cannot slip by the model.
    return plain_json(json.dumps(_plain(found), default=str))


class _Loader(yaml.SafeLoader):
    """Refuses what SafeLoader lets pass: a key twice, and a key that is not a string."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        construct: Callable[..., Any] = self.construct_object  # type: ignore[reportUnknownMemberType]
        pairs = [(construct(key, deep=True), None) for key, _ in node.value]
        _mapping(pairs)
        return super().construct_mapping(node, deep)


def _mapping(pairs: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if not isinstance(key, str):
            raise ValueError(f"the key {str(key)[:40]} is not a string: quote it")  # noqa: TRY004
        if key in found:
            raise ValueError(f"the key '{key[:40]}' appears twice")
        found[key] = value
    return found


def _plain(value: Any) -> Any:
    """The value itself, where it can be written as JSON in UTF-8."""
    level: list[Any] = [value]
    for _ in range(MAX_NESTING):
        holders: list[Any] = [item for item in level if _holds(item)]
        level = [inner for item in holders for inner in _held(item)]
    if any(map(_holds, level)):
        raise ValueError(f"nested more than {MAX_NESTING} levels deep")
    json.dumps(value, ensure_ascii=False, allow_nan=False, default=str).encode()
    return value


def _held(holder: Any) -> Iterable[Any]:
    return cast("dict[str, Any]", holder).values() if isinstance(holder, dict) else holder


def _holds(value: Any) -> bool:
    return isinstance(value, dict | list | tuple | set)
