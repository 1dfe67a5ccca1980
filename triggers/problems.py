"""Answers every HTTP error with problem details (RFC 9457)."""

import logging
import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, TypedDict, Unpack

import azure.functions as func

from clients.errors import Refused, Transient
from clients.record_store import RECORD_OF
from clients.settings import SettingsError
from clients.stored_documents import UNREADABLE
from cluster.api import FailureCause
from cluster.api_requests import FieldFault, Problem
from cluster.faults import SpecRefusedError
from cluster.names import parse_instance_id
from cluster.next_steps import next_step
from cluster.reasons import Reason, grouped, listed
from runs.previous import BusyError

log = logging.getLogger("slipway.http")

WAY_OUT = (
    "go back to the version of Slipway that wrote the record, or correct the blob; if neither is "
    "possible, POST /api/clusters/NAME/forget?confirm=NAME (slipway forget NAME) moves the record "
    "out of the way and changes nothing in Azure"
)


class ProblemMembers(TypedDict, total=False):
    """The optional members of a problem document."""

    operation: str
    cause: FailureCause | None
    faults: Sequence[FieldFault]
    code: str


class ProblemError(Exception):
    """An error that becomes the response: a problem document with these members."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        headers: dict[str, str] | None = None,
        **members: Unpack[ProblemMembers],
    ) -> None:
        self.status, self.title, self.detail, self.members = status, title, detail, members
        self.headers = headers
        super().__init__(title)


def problem(
    status: int,
    title: str,
    detail: str = "",
    headers: dict[str, str] | None = None,
    **members: Unpack[ProblemMembers],
) -> func.HttpResponse:
    """Returns a problem document. Its `type` is about:blank, because the title describes the
    problem."""
    given: dict[str, Any] = {"detail": detail, **members} if detail else {**members}
    document = Problem(type="about:blank", title=title, status=status, **given)
    return func.HttpResponse(
        document.to_json(),
        status_code=status,
        mimetype="application/problem+json",
        # A cache must not answer with it once the reason is gone.
        headers={"Cache-Control": "no-store"} | (headers or {}),
    )


def as_problem(error: Exception, where: str) -> func.HttpResponse:
    """Returns the problem document for an error of a handler. The caller never gets a raw error."""
    match error:
        case ProblemError():
            answer = problem(
                error.status, error.title, error.detail, error.headers, **error.members
            )
        case SpecRefusedError():
            faults = [FieldFault(**fault.model_dump()) for fault in error.faults]
            answer = problem(
                HTTPStatus.BAD_REQUEST, "the spec was refused", str(error)[:2000], faults=faults
            )
        case BusyError():
            answer = problem(
                HTTPStatus.CONFLICT,
                "another operation is running",
                error.advice,
                operation=operation_path(error.instance_id),
            )
        case Transient():
            answer = problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "a service that Slipway depends on is not available",
                str(error),
                headers={"Retry-After": str(math.ceil(error.retry_after or 5))},
            )
        case Refused(code=code) if code == UNREADABLE:
            log.error("%s: %s", where, error)
            way_out = f". {WAY_OUT}" if error.place.startswith(RECORD_OF) else ""
            answer = problem(
                HTTPStatus.CONFLICT,
                "a stored document cannot be read",
                f"{error.message}{way_out}",
                code=error.code,
            )
        case Refused():
            step = next_step(error.code, error.message, error.inner)
            detail = (
                f"{listed(grouped(map(Reason, (error.message, *error.details))))}\nNext: {step}"
            )
            answer = problem(HTTPStatus.BAD_GATEWAY, "Azure refused", detail, code=error.code)
        case SettingsError():
            # The status is not 503: the same request gets the same answer until somebody fixes the
            # settings.
            answer = problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "the app's settings are missing or wrong",
                f"{error}. Set what is named (docs/install.md, step 3); the app restarts by itself",
            )
        case ImportError():
            log.error("%s: a package cannot be loaded", where, exc_info=error)
            answer = problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "a package that the app needs cannot be loaded",
                f"{error.name or 'its name is in the log'}. Publish the app with its packages "
                "(docs/install.md, step 2)",
            )
        case _:
            log.error("unexpected error in %s", where, exc_info=error)
            answer = problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "unexpected error",
                "this is a fault of Slipway's own; its log has the details",
            )
    return answer


def operation_path(instance_id: str) -> str:
    name, generation = parse_instance_id(instance_id)
    return f"/api/clusters/{name}/operations/{generation}"
