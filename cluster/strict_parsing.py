"""Reads JSON and YAML of strangers: strictly, and within bounds that hold while the text is parsed.

Refused is what two readers would read differently (a key that stands twice, NaN, aliases, tags,
keys that are not text, half of a surrogate pair), and what costs more than it says (nesting, many
values, long numbers). `cluster/strict_yaml.py` reads YAML.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, cast

from cluster.strict_yaml import read_yaml

# The largest body that the API reads, in bytes.
MAX_BYTES = 64 * 1024
# A spec is five levels deep, and the largest one has some 4,000 values.
MAX_NESTING = 16
MAX_VALUES = 10_000
# A number of a spec has four digits. Python reads long ones slowly, and refuses to write them.
MAX_DIGITS = 64

# What ends or begins a level in JSON. An unclosed string ends with the text.
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


class NotPlainError(ValueError):
    """The text is not plain JSON or YAML. The error's text says what is wrong, and where."""


def plain_json(text: str) -> Any:
    """Returns the value of a JSON text.

    Raises:
        NotPlainError: with what is wrong.
    """
    _check_nesting(text)
    try:
        found = json.loads(
            text,
            object_pairs_hook=_mapping,
            parse_int=_integer,
            parse_constant=_refuse_constant,
        )
    except NotPlainError:
        raise
    except (ValueError, RecursionError) as error:
        raise NotPlainError(str(error)) from None
    return _written(found)


def plain_yaml(text: str) -> Any:
    """Returns the value of a YAML document, with dates as text.

    Raises:
        NotPlainError: with what is wrong.
    """
    try:
        found = read_yaml(
            text, nesting=MAX_NESTING, values=MAX_VALUES, number_characters=MAX_DIGITS
        )
    except NotPlainError:
        raise
    except ValueError as error:
        raise NotPlainError(str(error)) from None
    return _written(found)


def _check_nesting(text: str) -> None:
    """Counts brackets before Python's parser recurses into them."""
    depth = 0
    for found in _BRACKETS.finditer(text):
        first = found[0][0]
        depth += (first in "[{") - (first in "]}")
        if depth > MAX_NESTING:
            raise NotPlainError(f"nested more than {MAX_NESTING} levels deep")


def _mapping(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise NotPlainError(f"the key '{key[:40]}' appears twice")
        found[key] = value
    return found


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise NotPlainError(f"a number of {len(digits)} digits")
    return int(digits)


def _refuse_constant(name: str) -> Any:
    raise NotPlainError(f"{name} is not a number of JSON")


def _written(value: Any) -> Any:
    """Returns the value itself if it can be written as JSON in UTF-8 and is not too large."""
    level: list[Any] = [value]
    count = 0
    while level:
        count += len(level)
        if count > MAX_VALUES:
            raise NotPlainError(f"more than {MAX_VALUES} values")
        level = [inner for item in level if isinstance(item, dict | list) for inner in _held(item)]
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise NotPlainError("half of a surrogate pair, which is no character") from None
    except ValueError:
        raise NotPlainError("a number that is infinite or not a number") from None
    return value


def _held(holder: Any) -> Iterable[Any]:
    return cast("dict[str, Any]", holder).values() if isinstance(holder, dict) else holder
