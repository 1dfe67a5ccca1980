"""Finds the function for a path and method, as the real host's router does."""

import re
from dataclasses import dataclass
from typing import Any

SEGMENT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Route:
    """The route of a function. Each of its `parts` is a literal in lower case, or the name of a
    parameter."""

    function: dict[str, Any]
    parts: tuple[tuple[bool, str], ...]

    def match(self, method: str, segments: list[str]) -> dict[str, str] | None:
        """Returns the route's parameters, or None if the route does not match."""
        methods = self.function["methods"]
        if len(segments) != len(self.parts) or (methods and method not in methods):
            return None
        values: dict[str, str] = {}
        for (literal, text), segment in zip(self.parts, segments, strict=True):
            if not segment or (literal and text != segment.lower()):
                return None
            if not literal:
                values[text] = segment
        return values


class Routes:
    """The routes of all HTTP functions, below host.json's prefix."""

    def __init__(self, functions: list[dict[str, Any]], prefix: str) -> None:
        self._routes = [
            Route(function, _parts(f"{prefix}/{function['route']}"))
            for function in functions
            if function["kind"] == "HttpTrigger"
        ]

    def find(self, method: str, path: str) -> tuple[dict[str, Any], dict[str, str]] | None:
        """Returns the function and its route parameters, or None. One trailing slash is ignored."""
        segments = path.removesuffix("/").split("/")[1:]
        for route in self._routes:
            values = route.match(method, segments)
            if values is not None:
                return route.function, values
        return None


def _parts(template: str) -> tuple[tuple[bool, str], ...]:
    found: list[tuple[bool, str]] = []
    for part in template.strip("/").split("/"):
        match = SEGMENT.fullmatch(part)
        found.append((False, match[1]) if match else (True, part.lower()))
    return tuple(found)
