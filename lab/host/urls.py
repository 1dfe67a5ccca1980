"""Decodes paths and queries as the real host does."""

import re
from urllib.parse import quote

ESCAPES = re.compile(r"(?:%[0-9a-fA-F]{2})+")
PATH_CHARACTERS = "!$&'()*+,;=:@/~"


class UrlError(ValueError):
    """The path is not valid in a request."""


def decode_path(target: str) -> str:
    """Returns the path of a request target: first escapes are decoded, then dot segments are
    resolved.

    An encoded slash, and bytes that are not UTF-8, stay encoded.
    """
    if not target.startswith("/"):
        raise UrlError("a path starts with a slash")
    path = _resolve_dots(ESCAPES.sub(lambda run: _decoded(run[0], keep="/"), target))
    if "\0" in path:
        raise UrlError("a path has no NUL")
    return path


def encode_path(path: str) -> str:
    """Returns the path as it appears in the function's URL. Text that looks like an escape is kept
    as one."""
    parts = re.split(r"(%[0-9a-fA-F]{2})", path)
    return "".join(
        part if i % 2 else quote(part, safe=PATH_CHARACTERS) for i, part in enumerate(parts)
    )


def parse_query(text: str) -> dict[str, list[str]]:
    """Returns the values by name. Names are case-insensitive; the last spelling is kept."""
    values: dict[str, tuple[str, list[str]]] = {}
    for part in text.split("&"):
        if not part:
            continue
        name, _, value = (_decoded_query(side) for side in part.partition("="))
        earlier = values.get(name.lower(), ("", []))[1]
        values[name.lower()] = (name, [*earlier, value])
    return dict(values.values())


def _decoded_query(text: str) -> str:
    return ESCAPES.sub(lambda run: _decoded(run[0], keep=""), text.replace("+", " "))


def _decoded(run: str, keep: str) -> str:
    """Decodes a sequence of escapes that is UTF-8. Other bytes stay escapes."""
    digits = [run[i : i + 3] for i in range(0, len(run), 3)]
    raw, text, start = bytes(int(d[1:], 16) for d in digits), "", 0
    while start < len(raw):
        for end in range(start + 1, min(start + 4, len(raw)) + 1):
            try:
                character = raw[start:end].decode()
            except UnicodeDecodeError:
                continue
            text += digits[start] if character in keep else character
            start = end
            break
        else:
            text += digits[start]
            start += 1
    return text


def _resolve_dots(path: str) -> str:
    """Removes dot segments (RFC 3986, 5.2.4)."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for i, segment in enumerate(segments):
        last = i == len(segments) - 1
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
            continue
        if last:
            kept.append("")
    return "/" + "/".join(kept)
