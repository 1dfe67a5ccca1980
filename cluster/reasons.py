"""Long lists of reasons as a few lines: one for each distinct reason, with how often it was given.

Azure refuses the same thing once for each resource, in texts that differ only in its name.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

LINES, CHARACTERS = 12, 2000
LINE_CHARACTERS = 400
PLACES = 3
# What differs between two texts of the same reason: ids, names of nodes and what belongs to them,
# addresses, and the name of the refused resource.
_DIFFERS = re.compile(
    r"/subscriptions/[^\s'\",;]+"
    r"|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b"
    r"|(?<=\b[Rr]esource ')[^']+"
    r"|\b(?P<name>[A-Za-z][\w-]*-\d+(?:-[\w-]+)?)\b"
)


class Reason(NamedTuple):
    """`place`: where it was given, such as a template's part. `step`: what to do about it. Both may
    be empty."""

    text: str
    place: str = ""
    step: str = ""


def grouped(reasons: Iterable[Reason]) -> list[str]:
    """Returns one line for each distinct reason, in order, with how many resources it concerns."""
    groups: dict[str, list[Reason]] = {}
    for reason in reasons:
        groups.setdefault(_DIFFERS.sub("*", reason.text), []).append(reason)
    return [_line(group) for group in groups.values()]


def listed(lines: Iterable[str], characters: int = CHARACTERS) -> str:
    """Returns as many lines as there is room for, and how many more there are."""
    rest = list(lines)
    shown: list[str] = []
    while rest and len(shown) < LINES:
        line = rest[0] if len(rest[0]) <= LINE_CHARACTERS else rest[0][: LINE_CHARACTERS - 1] + "…"
        more = _more(len(rest) - 1)
        if shown and sum(map(len, shown)) + len(shown) + len(line) + len(more) > characters:
            break
        shown.append(line)
        del rest[0]
    return "\n".join([*shown, _more(len(rest))] if rest else shown)


def _line(group: list[Reason]) -> str:
    places = list(dict.fromkeys(reason.place for reason in group if reason.place))
    where = ", ".join(places[:PLACES])
    if len(places) > PLACES:
        where += f" and {len(places) - PLACES} more"
    count = f"{len(group)} resources" if len(group) > 1 else ""
    about = ": ".join(filter(None, (count, where)))
    about = "; others: ".join(filter(None, (about, _other_names(group))))
    return f"{group[0].text} ({about})" if about else group[0].text


def _other_names(group: list[Reason]) -> str:
    """Returns the first names that the text of the first reason lacks: it may be a rule that the
    others break, and not the resource."""
    first, *others = [
        dict.fromkeys(found["name"] for found in _DIFFERS.finditer(reason.text) if found["name"])
        for reason in group
    ]
    names = list(dict.fromkeys(name for other in others for name in other if name not in first))
    more = f" and {len(names) - PLACES} more" if len(names) > PLACES else ""
    return ", ".join(names[:PLACES]) + more


def _more(count: int) -> str:
    return f"and {count} more reasons" if count else ""
