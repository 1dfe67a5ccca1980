"""What callers may write into the fields of a spec that decide what runs on machines.

The operator allows values by a setting. By default nothing is allowed, and the secrets that a spec
names for Slack begin with a prefix. Pure.
"""

import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

type AllowedFields = Mapping[str, tuple[str, ...]]

# Instead of a list of values: every value.
ANYTHING = "*"
DEFAULT: AllowedFields = {
    "artifacts": (),
    "proxy": (),
    "registries": (),
    "trustedCertificates": (),
    "slack": ("slack-",),
}
RULE = (
    f"a JSON object with lists for {', '.join(DEFAULT)}: URLs without a query; for "
    "trustedCertificates SHA-256 fingerprints; for slack prefixes of secrets' names; "
    f'"{ANYTHING}" allows everything'
)
FINGERPRINT = re.compile(r"[0-9a-f]{64}")
SECRET_PREFIX = re.compile(r"[0-9A-Za-z-]{1,127}")


def parse_allowed_fields(document: Mapping[str, Any]) -> AllowedFields | None:
    """Returns the allowed values of every field, in canonical form, or None if one is wrong."""
    found = dict(DEFAULT)
    for name, entries in document.items():
        if name not in DEFAULT or not isinstance(entries, list):
            return None
        values = [_canonical(name, entry) for entry in cast(list[Any], entries)]
        if "" in values:
            return None
        found[name] = tuple(values)
    return found


def _canonical(name: str, entry: Any) -> str:
    """Returns the entry in its canonical form, or "" if it is wrong."""
    if not isinstance(entry, str):
        return ""
    if entry == ANYTHING:
        return entry
    match name:
        case "trustedCertificates":
            text = entry.replace(":", "").lower()
            return text if FINGERPRINT.fullmatch(text) else ""
        case "slack":
            return entry if SECRET_PREFIX.fullmatch(entry) else ""
        case _:
            return entry if _is_place(entry) else ""


def _is_place(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    known = parts.scheme in ("http", "https") and bool(parts.hostname)
    return known and not (parts.query or parts.fragment or parts.username or parts.password)
