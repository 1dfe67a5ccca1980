"""Parser of the template language: it turns `[concat('a', parameters('b').c[0])]` into a tree.

The grammar follows Microsoft's template expression reference: function calls, string literals in
single quotes (doubled to escape), integers, property access and indexers. `[[` escapes a literal
`[`.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lab.arm.errors import ExpressionError
from lab.arm.functions.values import find_key, kind

MAX_EXPRESSION = 24_576
TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>[()\[\],.]))"
)
SIGNS = {
    "(": "LeftParenthesis", ")": "RightParenthesis", "[": "LeftSquareBracket",
    "]": "RightSquareBracket", ",": "Comma", ".": "Dot", "": "EndOfData",
}  # fmt: skip


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


class Parser:
    """Recursive-descent parser of one expression."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._split(text))
        self._at = 0

    def _split(self, text: str) -> Iterator[tuple[str, str]]:
        position, end = 0, len(text.rstrip())
        while position < end:
            match = TOKEN.match(text, position)
            if not match:
                raise ExpressionError(
                    f"The language expression '{text}' is not valid: the string character "
                    f"'{text[position]}' at position '{position}' is not expected"
                )
            group = str(match.lastgroup)
            yield group, match.group(group)
            position = match.end()

    def parse(self) -> Node:
        node = self._value()
        if self._at != len(self._tokens):
            raise self._unexpected("EndOfData")
        return node

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _unexpected(self, wanted: str) -> ExpressionError:
        found = self._peek()
        return ExpressionError(
            f"Unable to parse language expression '{self._text}': expected token '{wanted}' and "
            f"actual '{SIGNS.get(found, found)}'"
        )

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise self._unexpected("Identifier")
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, sign: str) -> None:
        if self._peek() != sign:
            raise self._unexpected(SIGNS[sign])
        self._at += 1

    def _value(self) -> Node:
        group, text = self._next()
        node: Node
        if group == "string":
            node = Literal(text[1:-1].replace("''", "'"))
        elif group == "number":
            node = Literal(int(text))
        elif group == "name":
            self._expect("(")
            node = Call(text, tuple(self._arguments()))
        else:
            self._at -= 1
            raise self._unexpected("Identifier")
        while self._peek() in (".", "["):
            if self._next()[1] == ".":
                group, text = self._next()
                if group != "name":
                    self._at -= 1
                    raise self._unexpected("Identifier")
                node = Access(node, Literal(text))
            else:
                node = Access(node, self._value())
                self._expect("]")
        return node

    def _arguments(self) -> list[Node]:
        found: list[Node] = []
        if self._peek() != ")":
            found.append(self._value())
            while self._peek() == ",":
                self._at += 1
                found.append(self._value())
        self._expect(")")
        return found


def is_expression(value: object) -> bool:
    return (
        isinstance(value, str)
        and value.startswith("[")
        and value.endswith("]")
        and not value.startswith("[[")
    )


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """Returns the tree of an expression `[…]`.

    Raises:
        ExpressionError: the text is not a valid expression, or it is too long.
    """
    if len(text) > MAX_EXPRESSION:
        raise ExpressionError(
            f"The language expression length limit exceeded. Limit: '{MAX_EXPRESSION}' and "
            f"actual: '{len(text)}'"
        )
    return Parser(text[1:-1]).parse()


def calls(node: Node) -> Iterator[Call]:
    """Yields every function call of the tree, an outer call before its arguments."""
    match node:
        case Call():
            yield node
            for argument in node.arguments:
                yield from calls(argument)
        case Access(target, key):
            yield from calls(target)
            yield from calls(key)
        case Literal():
            return


def access(holder: Any, key: Any) -> Any:
    """Returns a property of an object or an item of a list. Property names are case-insensitive.
    Raises ExpressionError if it does not exist."""
    if isinstance(holder, dict) and isinstance(key, str):
        found = find_key(holder, key)
        if found is not None:
            return holder[found]
        known = ", ".join(sorted(holder))
        raise ExpressionError(
            f"The language expression property '{key}' doesn't exist, available properties are "
            f"'{known}'"
        )
    if isinstance(holder, list) and type(key) is int:
        if 0 <= key < len(holder):
            return holder[key]
        raise ExpressionError(
            f"The language expression property array index '{key}' is out of bounds"
        )
    raise ExpressionError(
        f"The language expression property '{key}' can't be evaluated, the value is of type "
        f"'{kind(holder)}'"
    )
