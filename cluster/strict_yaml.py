"""Reads one YAML document from the parser's events, within bounds.

The events come one by one, so that a limit ends the parsing there. PyYAML's own composer and
constructors have no limits: they follow aliases, and 65,000 open brackets took them two minutes.
Values are read as PyYAML's SafeLoader reads them, but dates stay text, and a number that YAML 1.2
reads as another value is refused: `010` is 8 or 10, `22:50` is 1370 or a text.
"""

import re
from collections.abc import Iterator
from typing import Any, NoReturn, cast

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

_PREFIX = "tag:yaml.org,2002:"
# What stays text, although YAML 1.1 has types for it.
_TEXTS = frozenset({"str", "timestamp", "value"})
_SHOWN = 40
# The numbers that YAML 1.1 and 1.2 read alike, by their types.
_NUMBERS = {
    "int": re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+"),
    "float": re.compile(
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    ),
}
_constructor: Any = SafeConstructor()
_resolver: Any = Resolver()


def read_yaml(text: str, *, nesting: int, values: int, number_characters: int) -> Any:
    """Returns the document's value; None if the text has no document.

    Args:
        text: the text of the document.
        nesting: how many levels deep lists and mappings may be.
        values: how many scalars, lists and mappings there may be.
        number_characters: how long a number may be written.

    Raises:
        ValueError: with what is wrong and in which line.
    """
    return _Reader(text, nesting, values, number_characters).document()


class _Reader:
    def __init__(self, text: str, nesting: int, values: int, number_characters: int) -> None:
        self._events = _events_of(text)
        self._nesting, self._values, self._number = nesting, values, number_characters
        self._count = self._depth = 0

    def document(self) -> Any:
        found: Any = None
        documents = 0
        try:
            for event in self._events:
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        _refuse(event, "a second document")
                    found = self._value(next(self._events))
        except yaml.YAMLError as error:
            raise ValueError(_described(error)) from None
        return found

    def _value(self, event: Any) -> Any:
        self._count += 1
        if self._count > self._values:
            _refuse(event, f"more than {self._values} values")
        if isinstance(event, yaml.AliasEvent):
            _refuse(event, "YAML aliases are not accepted")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if self._depth == self._nesting:
            _refuse(event, f"nested more than {self._nesting} levels deep")
        self._depth += 1
        mapping = isinstance(event, yaml.MappingStartEvent)
        _check_tag(event, "map" if mapping else "seq")
        found = self._mapping() if mapping else self._list()
        self._depth -= 1
        return found

    def _list(self) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._value(event))
        return found

    def _mapping(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._value(event)
            if not isinstance(key, str):
                _refuse(event, f"{_named(key)} is not a string: quote it")
            if key in found:
                _refuse(event, f"the key '{key[:_SHOWN]}' appears twice")
            found[key] = self._value(next(self._events))
        return found

    def _scalar(self, event: Any) -> Any:
        text = str(event.value)
        plain, _ = cast("tuple[bool, bool]", event.implicit)
        if not plain:
            if event.tag is not None:
                _check_tag(event, "str")
            return text
        kind = str(_resolver.resolve(yaml.ScalarNode, text, (True, False))).removeprefix(_PREFIX)
        if kind in _TEXTS:
            return text
        if kind == "merge":
            _refuse(event, "YAML merge keys are not accepted")
        if kind in ("int", "float") and len(text) > self._number:
            _refuse(event, f"a number of {len(text)} characters")
        if kind in _NUMBERS and not _NUMBERS[kind].fullmatch(text):
            shown = f"'{text[:_SHOWN]}' is not a number to every reader of YAML"
            _refuse(event, f"{shown}: quote it, or write it with the digits 0 to 9 only")
        node = yaml.ScalarNode(_PREFIX + kind, text)
        try:
            return getattr(_constructor, f"construct_yaml_{kind}")(node)
        except (ValueError, OverflowError):
            _refuse(event, f"'{text[:_SHOWN]}' is not a number")


def _events_of(text: str) -> Iterator[Any]:
    """Yields the parser's events, by libyaml if PyYAML was built with it: it is a hundred times
    faster."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return cast("Iterator[Any]", yaml.parse(text, Loader=loader))


def _check_tag(event: Any, allowed: str) -> None:
    """Refuses a tag, unless it says what the value is without it. `!` says that it is text."""
    if event.tag not in (None, "!", _PREFIX + allowed):
        _refuse(
            event, f"the tag {str(event.tag)[:_SHOWN]} is not accepted: write the value plainly"
        )


def _named(key: object) -> str:
    if isinstance(key, dict | list):
        return f"a key that is a {'mapping' if isinstance(key, dict) else 'list'}"
    return f"the key {str(key)[:_SHOWN]}"


def _refuse(event: Any, message: str) -> NoReturn:
    raise ValueError(f"line {event.start_mark.line + 1}: {message}")


def _described(error: yaml.YAMLError) -> str:
    """Returns the parser's words without the lines that it quotes."""
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    if not problem:
        return " ".join(str(error).split())
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    context = getattr(error, "context", None)
    return f"{where}{f'{context}: ' if context else ''}{problem}"
