"""Query parameters, strictly: a request that may mean something else than it says is refused.

They are read from the URL. In the parameters that a function gets, the Functions host has dropped
those without a value and joined repeated ones by ',': `?plan=` would start a run as if nothing was
asked. Names have no case there, and have none here.
"""

import re
from collections import Counter
from http import HTTPStatus
from urllib.parse import parse_qsl

import azure.functions as func

from cluster.api_requests import FieldFault
from triggers.problems import ProblemError

# The platform's own: a function key, and the name of a key.
PLATFORM = frozenset({"code", "clientid"})
NUMBER = re.compile(r"[0-9]{1,9}")
SHOWN = 40


def check_parameters(request: func.HttpRequest, allowed: tuple[str, ...]) -> None:
    """Raises ProblemError with every parameter that is unknown, repeated or without a value."""
    given = _given(request)
    count = Counter(name for name, _ in given)
    faults: list[FieldFault] = []
    for name, value in dict(given).items():
        if name not in allowed:
            known = ", ".join(allowed) or "no parameters"
            faults.append(_fault(name, "is not a parameter of this request", known))
        elif count[name] > 1:
            faults.append(_fault(name, f"is given {count[name]} times", "once"))
        elif not value:
            faults.append(_fault(name, "has no value", "a value after '='"))
    if faults:
        raise _refusal(faults)


def flag(request: func.HttpRequest, name: str) -> bool:
    """False where it is absent.

    Raises:
        ProblemError: it is neither `true` nor `false`.
    """
    value = dict(_given(request)).get(name, "false")
    if value not in ("true", "false"):
        raise _refusal([_fault(name, f"'{value[:SHOWN]}'", "true or false")])
    return value == "true"


def number(request: func.HttpRequest, name: str) -> int:
    """0 where it is absent.

    Raises:
        ProblemError: it is no number from 0 to 999,999,999.
    """
    value = dict(_given(request)).get(name, "0")
    if not NUMBER.fullmatch(value):
        raise _refusal([_fault(name, f"'{value[:SHOWN]}'", "0 or a larger number")])
    return int(value)


def text(request: func.HttpRequest, name: str) -> str:
    """Empty where it is absent."""
    return dict(_given(request)).get(name, "")


def has(request: func.HttpRequest, name: str) -> bool:
    """Whether it stands in the URL, whatever its value."""
    return any(name == given for given, _ in _given(request))


def _given(request: func.HttpRequest) -> list[tuple[str, str]]:
    query = request.url.partition("?")[2]
    pairs = parse_qsl(query, keep_blank_values=True)
    given = [(name.lower(), value) for name, value in pairs]
    return [(name, value) for name, value in given if name not in PLATFORM]


def _fault(name: str, message: str, allowed: str) -> FieldFault:
    return FieldFault(path=name[:SHOWN], message=message, allowed=allowed)


def _refusal(faults: list[FieldFault]) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, "a query parameter was refused", faults=faults)
