"""The template language: `[concat('a', parameters('b').c[0])]` parsed and evaluated.

Grammar after Microsoft's template expression reference: function calls, string literals in single
quotes (doubled to escape), integers, property access and indexers. `[[` escapes a literal `[`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.arm.errors import invalid_template

MAX_EXPRESSION = 24_576
TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>[()\[\],.]))"
)


@dataclass(frozen=True)
class Literal:
    value: Any


@dataclass(frozen=True)
class Call:
    name: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True)
class Access:
    target: "Node"
    key: "Node"


type Node = Literal | Call | Access
type Resolver = Callable[[Call], Any]


class Parser:
    """Recursive descent over one expression."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._split(text))
        self._at = 0

    def _split(self, text: str) -> Any:
        position = 0
        while position < len(text.rstrip()):
            match = TOKEN.match(text, position)
            if not match:
                raise invalid_template(f"cannot read the expression at '{text[position:][:40]}'")
            kind = str(match.lastgroup)
            yield kind, match.group(kind)
            position = match.end()

    def parse(self) -> Node:
        node = self._value()
        if self._at != len(self._tokens):
            raise invalid_template(f"unexpected text at the end of the expression '{self._text}'")
        return node

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise invalid_template(f"the expression '{self._text}' ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, sign: str) -> None:
        if self._next()[1] != sign:
            raise invalid_template(f"'{sign}' expected in the expression '{self._text}'")

    def _value(self) -> Node:
        kind, text = self._next()
        node: Node
        if kind == "string":
            node = Literal(text[1:-1].replace("''", "'"))
        elif kind == "number":
            node = Literal(int(text))
        elif kind == "name":
            self._expect("(")
            node = Call(text, tuple(self._arguments()))
        else:
            raise invalid_template(f"unexpected '{text}' in the expression '{self._text}'")
        while self._peek() in (".", "["):
            if self._next()[1] == ".":
                node = Access(node, Literal(self._next()[1]))
            else:
                node = Access(node, self._value())
                self._expect("]")
        return node

    def _arguments(self) -> list[Node]:
        found: list[Node] = []
        while self._peek() != ")":
            if found:
                self._expect(",")
            found.append(self._value())
        self._expect(")")
        return found


def is_expression(value: object) -> bool:
    return (
        isinstance(value, str)
        and value.startswith("[")
        and value.endswith("]")
        and not (value.startswith("[["))
    )


def parse(text: str) -> Node:
    """The tree of `[…]`."""
    if len(text) > MAX_EXPRESSION:
        raise invalid_template(f"an expression is over {MAX_EXPRESSION} characters")
    return Parser(text[1:-1]).parse()


def access(holder: Any, key: Any) -> Any:
    """Property or item; property names are compared without regard to case."""
    if isinstance(holder, dict):
        if key in holder:
            return holder[key]
        for name, value in holder.items():
            if isinstance(key, str) and name.lower() == key.lower():
                return value
        known = ", ".join(sorted(map(str, holder)))
        raise invalid_template(
            f"The language expression property '{key}' doesn't exist, available properties are "
            f"'{known}'"
        )
    if isinstance(holder, list) and isinstance(key, int):
        if 0 <= key < len(holder):
            return holder[key]
        raise invalid_template(f"index {key} is out of bounds of an array of {len(holder)}")
    raise invalid_template(f"'{key}' cannot be read from a value of type {type(holder).__name__}")
