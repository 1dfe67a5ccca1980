"""Reads JSON as ARM does. It accepts unquoted names, comments, trailing commas, and line breaks in
strings.

Microsoft's command line sends such bodies (`"mode": "incremental", template:{…}`).
"""

import json
import re
from typing import Any

PART = re.compile(
    r'"(?:[^"\\]|\\.)*"'
    r"|(?P<comment>//[^\n]*|/\*.*?\*/)"
    r"|(?P<name>[A-Za-z_$][\w$]*)(?=\s*:)"
    r"|(?P<comma>,)(?=\s*[}\]])",
    re.DOTALL,
)


def read_lenient(text: str) -> Any:
    """Returns the parsed value. Raises ValueError if the text is not valid by these rules
    either."""
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(PART.sub(_strict, text), strict=False)


def _strict(match: re.Match[str]) -> str:
    if match["name"]:
        return f'"{match["name"]}"'
    return "" if match["comment"] or match["comma"] else match[0]
