"""Reads query parameters strictly: a request that could be misunderstood is refused.

They are read from the URL. In the parameters that a function gets, the Functions host has dropped
those without a value and joined repeated ones with ',': `?plan=` would start a run as if the
parameter were absent. The host ignores the case of names, and so does this module.
"""

import re
from collections import Counter
from http import HTTPStatus
from urllib.parse import parse_qsl

import azure.functions as func

from cluster.api_requests import FieldFault
from triggers.problems import ProblemError

# Parameters of the platform: a function key, and the name of a key.
PLATFORM = frozenset({"code", "clientid"})
NUMBER = re.compile(r"[0-9]{1,9}")
SHOWN = 40


def check_parameters(request: func.HttpRequest, allowed: tuple[str, ...]) -> None:
    """Checks the names of all query parameters.

    Raises:
        ProblemError: parameters are unknown, repeated or without a value. It names all of them.
    """
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
    """Returns the value of a boolean parameter, or False if it is absent.

    Raises:
        ProblemError: the value is neither `true` nor `false`.
    """
    value = dict(_given(request)).get(name, "false")
    if value not in ("true", "false"):
        raise _refusal([_fault(name, f"'{value[:SHOWN]}'", "true or false")])
    return value == "true"


def number(request: func.HttpRequest, name: str) -> int:
    """Returns the value of a numeric parameter, or 0 if it is absent.

    Raises:
        ProblemError: the value is not a number from 0 to 999,999,999.
    """
    value = dict(_given(request)).get(name, "0")
    if not NUMBER.fullmatch(value):
        raise _refusal([_fault(name, f"'{value[:SHOWN]}'", "0 or a larger number")])
    return int(value)


def text(request: func.HttpRequest, name: str) -> str:
    """Returns the value of a parameter, or "" if it is absent."""
    return dict(_given(request)).get(name, "")


def has(request: func.HttpRequest, name: str) -> bool:
    """Returns whether the URL has the parameter, whatever its value."""
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
