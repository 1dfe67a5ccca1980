"""JSON as ARM reads it: names without quotes, comments, commas before an end, line breaks in texts.

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
    """Raises ValueError where it is no JSON by these rules either."""
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(PART.sub(_strict, text), strict=False)


def _strict(match: re.Match[str]) -> str:
    if match["name"]:
        return f'"{match["name"]}"'
    return "" if match["comment"] or match["comma"] else match[0]
