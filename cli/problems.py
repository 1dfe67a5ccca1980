"""Problem details (RFC 9457) as text and as exit codes."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError

from cli.exits import CommandError, Exit
from cli.text import clean, indented
from cluster.api import FailureCause
from cluster.api_requests import Problem

HINTS = {
    401: "the key was not accepted: set SLIPWAY_KEY to a function key of the app; where it takes "
    "tokens, 'slipway login' says how",
    403: "the key or the role does not open this",
    404: "the app has no such address",
    429: "the app has too many requests",
    500: "the app failed and did not say why",
    502: "a gateway got no answer of the app",
    503: "the app is not available",
    504: "a gateway waited in vain for the app",
}
NOT_FOUND, CONFLICT, FAILED_DEPENDENCY, UNAVAILABLE = 404, 409, 424, 503
# Temporary errors: the app waits for a service, or a gateway for the app.
PASSING = (429, UNAVAILABLE, 504)
# These are temporary only without a problem document: the host lost its worker, or a gateway its
# app. With one, 500 is a fault of Slipway, and 502 means that Azure rejected a request.
PASSING_WITHOUT_A_WORD = (500, 502)


class ProblemError(CommandError):
    """The API responded with an error."""

    def __init__(self, status: int, problem: Problem, text: str = "") -> None:
        self.status, self.problem = status, problem
        super().__init__(_exit(status), text or describe(status, problem))

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed a little later."""
        silent = not self.problem.model_fields_set and self.status in PASSING_WITHOUT_A_WORD
        return silent or self.status in PASSING

    def with_faults(self, shown: Sequence[str]) -> "ProblemError":
        """Returns the same error, whose text shows the faults in these lines."""
        without = self.problem.model_copy(update={"faults": (), "detail": ""})
        text = "\n".join([describe(self.status, without), *(f"  {line}" for line in shown)])
        return ProblemError(self.status, self.problem, text)

    def document(self) -> dict[str, Any]:
        return {"title": _words(self.status)} | self.problem.received()


def _words(status: int) -> str:
    """Returns what a status means, for an answer that does not say it itself."""
    if status in HINTS:
        return HINTS[status]
    named = [one.phrase for one in HTTPStatus if one == status]
    return f"the request failed: {named[0]}" if named else "the request failed"


def _exit(status: int) -> Exit:
    if status in (429, UNAVAILABLE):
        return Exit.UNREACHABLE
    return Exit.REFUSED if 400 <= status < 500 and status != FAILED_DEPENDENCY else Exit.FAILED


def read_problem(document: dict[str, Any]) -> Problem:
    """Returns the problem document. Members that are not in Slipway's form, such as a gateway's,
    are dropped."""
    try:
        return Problem.model_validate(document)
    except ValidationError as error:
        wrong = {one["loc"][0] for one in error.errors()}
    return Problem.model_validate({k: v for k, v in document.items() if k not in wrong})


def describe(status: int, problem: Problem) -> str:
    """Returns the title, then each fault with its path and the allowed values, or the cause with
    its log."""
    lines = [clean(problem.title or _words(status))]
    for fault in problem.faults:
        lines.append(f"  {clean(fault.path)}: {clean(fault.message)}")
        if fault.allowed:
            lines.append(f"      allowed: {clean(fault.allowed)}")
    cause = problem.cause
    printed = problem.faults or (cause and problem.detail == cause.message)
    if problem.detail and not printed:
        lines.append(indented(problem.detail, "  "))
    if cause:
        lines.append(describe_cause(cause))
    if status == CONFLICT and problem.operation and not cause:
        lines.append(f"  it is {clean(problem.operation)}")
    return "\n".join(lines)


def describe_cause(cause: FailureCause) -> str:
    """Returns the cause of a failed run: where, what, the end of the log, and the next step."""
    places = [place for place in (cause.phase, cause.place) if place]
    head = f"{', '.join(places)}: " if places else ""
    code = f" ({cause.code})" if cause.message and cause.code not in cause.message else ""
    lines = [f"  {clean(head)}{clean((cause.message or cause.code) + code)}"]
    if cause.log_tail:
        lines += ["  the log's end:", indented(cause.log_tail, "    | ")]
    if cause.next_step:
        lines.append(f"  next: {clean(cause.next_step)}")
    return "\n".join(lines)
