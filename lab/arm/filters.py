"""Parser of `$filter`: comparisons of a name with a string, joined by `and`. Keywords and names are
case-insensitive."""

import re

from werkzeug.wrappers import Request

from lab.arm.errors import ArmError

TERM = re.compile(
    r"(?P<name>[\w/.]+)\s+eq\s+'(?P<value>(?:[^']|'')*)'|(?P<call>\w+)\((?:'(?P<of>[^']*)')?\)",
    re.IGNORECASE,
)
JOINT = re.compile(r"\s+and\s+", re.IGNORECASE)


def terms(request: Request, *known: str) -> dict[str, str]:
    """Returns the filter's values by name, in lower case. For a call such as `atScope()`, the value
    is its argument.

    Raises:
        ArmError: the filter cannot be parsed, or it uses a name that is not in `known`.
    """
    text = request.args.get("$filter", "").strip()
    found: dict[str, str] = {}
    names = {name.lower() for name in known}
    at = 0
    while at < len(text):
        match = TERM.match(text, at)
        name = (match["name"] or match["call"]).lower() if match else ""
        if match is None or name not in names:
            raise ArmError(400, "InvalidFilterInQueryString", f"Invalid $filter '{text}'.")
        found[name] = (match["value"] or match["of"] or "").replace("''", "'")
        joint = JOINT.match(text, match.end())
        at = joint.end() if joint else match.end()
        if not joint and at < len(text):
            raise ArmError(400, "InvalidFilterInQueryString", f"Invalid $filter '{text}'.")
    return found
