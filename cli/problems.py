"""Problem details (RFC 9457) as text and as an exit code."""

from typing import Any

from cli.exits import CommandError, Exit
from cli.text import clean, indented

HINTS = {
    401: "the key was not accepted: set SLIPWAY_KEY to a function key of the app",
    403: "the key does not open this function",
}
CONFLICT, FAILED_DEPENDENCY, UNAVAILABLE = 409, 424, 503
# Not now: the app waits for a service, or a gateway for the app.
PASSING = (429, UNAVAILABLE, 504)
# The same without a problem document: the host lost its worker, or a gateway its app. With one, 500
# is a fault of Slipway and 502 a refusal by Azure.
PASSING_WITHOUT_A_WORD = (500, 502)


class ProblemError(CommandError):
    """What the API answered instead of what was asked."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status, self.problem = status, problem
        super().__init__(_exit(status), describe(status, problem))

    @property
    def passing(self) -> bool:
        """Whether the same request may be answered a little later."""
        silent = not self.problem and self.status in PASSING_WITHOUT_A_WORD
        return silent or self.status in PASSING

    def document(self) -> dict[str, Any]:
        return {"title": HINTS.get(self.status, "the request failed")} | self.problem


def _exit(status: int) -> Exit:
    if status in (429, UNAVAILABLE):
        return Exit.UNREACHABLE
    return Exit.REFUSED if 400 <= status < 500 and status != FAILED_DEPENDENCY else Exit.FAILED


def describe(status: int, problem: dict[str, Any]) -> str:
    """Title, then every fault with its place and what is allowed, or the cause and its log."""
    title = clean(str(problem.get("title") or HINTS.get(status) or "the request failed"))
    lines = [f"{title} (HTTP {status})"]
    faults = problem.get("faults") or []
    for fault in faults:
        lines.append(f"  {clean(fault['path'])}: {clean(fault['message'])}")
        if fault.get("allowed"):
            lines.append(f"      allowed: {clean(fault['allowed'])}")
    cause = problem.get("cause") or {}
    detail = problem.get("detail") or ""
    if detail and not faults and detail != cause.get("message"):
        lines.append(indented(detail, "  "))
    if cause:
        lines.append(describe_cause(cause))
    if status == CONFLICT and problem.get("operation") and not cause:
        lines.append(f"  it is {clean(problem['operation'])}")
    return "\n".join(lines)


def describe_cause(cause: dict[str, Any]) -> str:
    """The cause of a failed run: where, what, the end of the log, what to do next."""
    places = [str(cause[key]) for key in ("phase", "place") if cause.get(key)]
    head = f"{', '.join(places)}: " if places else ""
    lines = [f"  {clean(head)}{clean(cause.get('message') or cause.get('code') or '')}"]
    if cause.get("logTail"):
        lines += ["  the log's end:", indented(cause["logTail"], "    | ")]
    if cause.get("nextStep"):
        lines.append(f"  next: {clean(cause['nextStep'])}")
    return "\n".join(lines)
