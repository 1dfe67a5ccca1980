"""Template functions for strings."""

import base64
import binascii
import hashlib
import json
import re
import uuid
from typing import Any
from urllib.parse import quote, unquote, urljoin

from lab.arm.functions.values import Mismatch, as_text, at_least, between, exactly, need

PLACE = re.compile(r"\{\{|\}\}|\{(\d+)(?::([^{}]*))?\}")
NUMBER_FORMAT = re.compile(r"([DdXx])(\d*)")
# The namespace of ARM's version 5 UUIDs.
GUID_SPACE = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")


def format_text(pattern: str, *values: Any) -> str:
    """Formats values with .NET's composite format. The number formats D and X are supported."""

    def put(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        index = int(match[1])
        if index >= len(values):
            raise Mismatch(f"the format names argument {index}, and there are {len(values)}")
        return _formatted(values[index], match[2])

    return PLACE.sub(put, need(pattern, str))


def _formatted(value: Any, style: str | None) -> str:
    if not style:
        return as_text(value)
    match = NUMBER_FORMAT.fullmatch(style)
    if not match or type(value) is not int:
        raise Mismatch(f"the format '{style}' is not evaluated here")
    digits = f"{abs(value):{'d' if match[1] in 'Dd' else match[1]}}"
    return ("-" if value < 0 else "") + digits.rjust(int(match[2] or 0), "0")


def concat(*values: Any) -> Any:
    arrays = [isinstance(value, list) for value in values]
    if all(arrays):
        return [item for value in values for item in value]
    if any(arrays) or any(isinstance(value, dict) for value in values):
        raise Mismatch("all arguments must be arrays, or none of them")
    return "".join(as_text(value) for value in values)


def substring(text: str, start: int, length: int | None = None) -> str:
    size = len(need(text, str))
    until = size if length is None else need(start, int) + need(length, int)
    if not 0 <= need(start, int) <= size or not start <= until <= size:
        raise Mismatch(f"index and length must refer to a location within the string of {size}")
    return text[start:until]


def split(text: str, marks: str | list[str]) -> list[str]:
    marks = [marks] if isinstance(marks, str) else need(marks, list)
    return re.split("|".join(map(re.escape, marks)), need(text, str))


def pad_left(value: Any, width: int, filler: str = " ") -> str:
    if len(need(filler, str)) != 1:
        raise Mismatch("the padding must be one character")
    return as_text(value).rjust(need(width, int), filler)


def unique_string(*values: str) -> str:
    """Returns a string of 13 characters that depends on the values. ARM's own hash is not
    documented."""
    digest = hashlib.sha256("-".join(need(v, str) for v in values).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:13]


def from_base64(text: str) -> str:
    try:
        return base64.b64decode(need(text, str), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Mismatch("the value is not base64 of a UTF-8 text") from None


def from_json(text: str) -> Any:
    try:
        return json.loads(need(text, str))
    except json.JSONDecodeError as error:
        raise Mismatch(f"the value is not JSON: {error}") from None


def _position(text: str, part: str, *, last: bool = False) -> int:
    here, wanted = need(text, str).lower(), need(part, str).lower()
    return here.rfind(wanted) if last else here.find(wanted)


FUNCTIONS = {
    "base64": exactly(1, lambda s: base64.b64encode(need(s, str).encode()).decode()),
    "base64tostring": exactly(1, from_base64),
    "concat": at_least(1, concat),
    "endswith": exactly(2, lambda s, e: need(s, str).lower().endswith(need(e, str).lower())),
    "format": at_least(1, format_text),
    "guid": at_least(1, lambda *v: str(uuid.uuid5(GUID_SPACE, "-".join(need(s, str) for s in v)))),
    "json": exactly(1, from_json),
    "join": exactly(2, lambda v, s: need(s, str).join(map(as_text, need(v, list)))),
    "lastindexof": exactly(2, lambda s, t: _position(s, t, last=True)),
    "padleft": between(2, 3, pad_left),
    "replace": exactly(3, lambda s, a, b: need(s, str).replace(need(a, str), need(b, str))),
    "split": exactly(2, split),
    "startswith": exactly(2, lambda s, e: need(s, str).lower().startswith(need(e, str).lower())),
    "string": exactly(1, as_text),
    "substring": between(2, 3, substring),
    "tolower": exactly(1, lambda s: need(s, str).lower()),
    "toupper": exactly(1, lambda s: need(s, str).upper()),
    "trim": exactly(1, lambda s: need(s, str).strip()),
    "uniquestring": at_least(1, unique_string),
    "uri": exactly(2, lambda a, b: urljoin(need(a, str), need(b, str))),
    "uricomponent": exactly(1, lambda s: quote(need(s, str), safe="")),
    "uricomponenttostring": exactly(1, lambda s: unquote(need(s, str))),
}
