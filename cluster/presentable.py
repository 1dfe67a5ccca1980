"""Words of services, made presentable: one short line without what looks like a secret."""

import re

MESSAGE_CHARACTERS = 600
LEFT_OUT = "[left out]"
# Base64 and PEM bodies are unbroken runs; the longest Azure name is 90 characters, but ids are
# broken by '-' and '.', and those that are not hold one of the words in PATHS.
_ENCODED = re.compile(r"[A-Za-z0-9+/_]{48,}={0,2}")
_PEM = re.compile(r"-----BEGIN .*?(?:-----END [A-Z ]*-----|$)")
_PATHS = ("resourceGroups/", "providers/", "resourcegroups/")


def presentable(text: str) -> str:
    """The text on one line, cut, without what looks like an encoded secret."""
    line = " ".join(text[: 4 * MESSAGE_CHARACTERS].split())
    return _ENCODED.sub(_left_out, _PEM.sub(LEFT_OUT, line))[:MESSAGE_CHARACTERS]


def _left_out(found: re.Match[str]) -> str:
    text = found[0]
    return text if any(word in text for word in _PATHS) else LEFT_OUT
