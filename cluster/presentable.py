"""Makes texts of services presentable: one short line without anything that looks like a secret."""

import re

MESSAGE_CHARACTERS = 600
LEFT_OUT = "[left out]"
# Base64 and PEM bodies are unbroken runs. The longest Azure name has 90 characters, but ids are
# broken by '-' and '.'. Ids that are not broken contain one of the words in _PATHS.
_ENCODED = re.compile(r"[A-Za-z0-9+/_]{48,}={0,2}")
_PEM = re.compile(r"-----BEGIN .*?(?:-----END [A-Z ]*-----|$)")
_PATHS = ("resourceGroups/", "providers/", "resourcegroups/")


def presentable(text: str) -> str:
    """Returns the text on one line, cut, without anything that looks like an encoded secret."""
    line = " ".join(text[: 4 * MESSAGE_CHARACTERS].split())
    return _ENCODED.sub(_left_out, _PEM.sub(LEFT_OUT, line))[:MESSAGE_CHARACTERS]


def _left_out(found: re.Match[str]) -> str:
    text = found[0]
    return text if any(word in text for word in _PATHS) else LEFT_OUT
