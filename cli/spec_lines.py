"""The lines of a spec's fields, for messages."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml


def lines_of(text: str) -> Mapping[str, int]:
    """Returns the line of each field and list item by its path, such as `workers[0].count`.

    The text must have been read strictly before: then it has no aliases and is not nested deeply.
    It is empty for a text that is no YAML, such as JSON that is indented with tabs.
    """
    try:
        root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return {}
    return dict(_fields(root, "")) if root is not None else {}


def line_of(lines: Mapping[str, int], path: str) -> int | None:
    """Returns the line of a field, or of the closest one around it that is in the file."""
    while path:
        if path in lines:
            return lines[path]
        cut = max(path.rfind("."), path.rfind("["))
        path = path[:cut] if cut > 0 else ""
    return None


def _fields(node: Any, path: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = f"{path}.{key.value}".lstrip(".")
            yield inner, key.start_mark.line + 1
            yield from _fields(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            inner = f"{path}[{index}]"
            yield inner, item.start_mark.line + 1
            yield from _fields(item, inner)
