"""Describes one operation of the HTTP API for the OpenAPI document: its parameters and answers."""

from collections.abc import Iterable, Mapping
from typing import Any

from cluster.api import ClusterDetail, ClusterList, EventList, RunTimeline
from cluster.api_backups import BackupList
from cluster.api_base import Answer
from cluster.api_history import OperationList, PlayLog
from cluster.api_requests import (
    CancelAccepted,
    ClusterPlan,
    ControllerRunning,
    ControllerStarting,
    ControllerStatus,
    InstallationReport,
    OperationAccepted,
    OperationRunning,
    OperationSucceeded,
    PageSession,
    Problem,
    RecordForgotten,
    SignIn,
)
from triggers.operation_texts import OPERATIONS, PAGE

type Json = dict[str, Any]
type Answers = Mapping[int, type[Answer]]

COMPONENT = "#/components/schemas/{model}"
# Statuses of every operation: an unknown parameter, a role that is missing, missing settings, a
# refusal by Azure, an unavailable service.
ALWAYS = (400, 403, 500, 502, 503)
FAILURES = {
    400: "The request was refused; `faults` names what is wrong.",
    403: "The token's roles do not allow it, or not for this cluster.",
    404: "There is no such cluster or operation.",
    409: "The state of the cluster does not allow it, or the operation was cancelled.",
    411: "The body was sent in chunks; it needs Content-Length.",
    413: "The body is too large.",
    415: "The body is neither JSON nor YAML.",
    424: "The operation failed; `cause` says why.",
    500: "The app's settings are wrong, or the app has a fault of its own.",
    502: "Azure refused what the app asked for.",
    503: "A service is not available; Retry-After says when to try again.",
}
HEADERS = {
    "Location": "Path of the operation.",
    "Retry-After": "Seconds until the next request.",
}
# Documents that another standard defines have no model here.
FREE_FORM: Json = {"type": "object", "additionalProperties": True}


def answer_models() -> list[type[Answer]]:
    """Returns the models of all answers, each once."""
    found = [model for answers in _SUCCESSES.values() for model in answers.values()]
    return [*dict.fromkeys(found), Problem]


_SUCCESSES: dict[str, Answers] = {
    "listClusters": {200: ClusterList},
    "getCluster": {200: ClusterDetail},
    "putCluster": {200: ClusterPlan, 202: OperationAccepted},
    "deleteCluster": {202: OperationAccepted},
    "deleteNode": {202: OperationAccepted},
    "replaceNode": {202: OperationAccepted},
    "getEvents": {200: EventList},
    "getTimeline": {200: RunTimeline},
    "getLog": {200: PlayLog},
    "listOperations": {200: OperationList},
    "backupCluster": {202: OperationAccepted},
    "maintainCluster": {202: OperationAccepted},
    "listBackups": {200: BackupList},
    "restoreBackup": {202: OperationAccepted},
    "rotateCredential": {202: OperationAccepted},
    "cancelOperation": {202: CancelAccepted},
    "startController": {200: ControllerRunning, 202: ControllerStarting},
    "stopController": {200: ControllerStatus, 202: ControllerStatus},
    "forgetRecord": {200: RecordForgotten},
    "getOperation": {200: OperationSucceeded, 202: OperationRunning},
    "examineInstallation": {200: InstallationReport},
    "getSignIn": {200: SignIn},
    "getSession": {200: PageSession},
    "beginSession": {200: PageSession},
    "endSession": {200: PageSession},
}


def parameter(name: str, where: str, schema: Json, description: str, example: Any = None) -> Json:
    """Returns a parameter. Those in a path are required."""
    shown = {} if example is None else {"example": example}
    required = where == "path"
    return {
        "name": name,
        "in": where,
        "description": description,
        "required": required,
        "schema": schema,
    } | shown


def operation(
    operation_id: str, summary: str, failures: Iterable[int], parameters: list[Json]
) -> Json:
    """Returns one operation. `failures` are its statuses in addition to those of every
    operation."""
    # The host refuses a key without a body, the app a token with a problem document.
    responses: Json = {"401": {"description": "No key or token, or one that is not valid."}}
    for status, model in _SUCCESSES.get(operation_id, {}).items():
        responses[str(status)] = _response(model.__doc__ or "", "application/json", model)
        if status == 202:
            responses["202"]["headers"] = _headers(model)
    for status in sorted({*failures, *ALWAYS}):
        responses[str(status)] = _response(FAILURES[status], "application/problem+json", Problem)
    tag, description = OPERATIONS[operation_id]
    return {
        "operationId": operation_id,
        "summary": summary,
        "description": description,
        "tags": [tag],
        "parameters": parameters,
        "responses": responses,
    }


def _response(description: str, kind: str, model: type[Answer]) -> Json:
    schema = {"$ref": COMPONENT.format(model=model.__name__)}
    return {"description": description, "content": {kind: {"schema": schema}}}


def _headers(model: type[Answer]) -> Json:
    """Returns the headers of an answer.

    Location is the path of the operation that the request started. Retry-After is always present.
    """
    told = ("Location", "Retry-After") if "operation" in model.model_fields else ("Retry-After",)
    return {
        header: {"description": HEADERS[header], "schema": {"type": "string"}} for header in told
    }


def free_form(operation_id: str, summary: str) -> Json:
    described = operation(operation_id, summary, (), [])
    content = {"application/json": {"schema": FREE_FORM}}
    described["responses"]["200"] = {"description": summary, "content": content}
    return _open(described)


def sign_in() -> Json:
    """Returns the operation that clients use before they have a token."""
    return _open(operation("getSignIn", "How a caller identifies itself", (), []))


def _open(described: Json) -> Json:
    """Returns an operation that needs no key: its answer says nothing of any cluster."""
    for status in ("401", "403"):
        del described["responses"][status]
    return described | {"security": []}


def session(operation_id: str, summary: str) -> Json:
    """Returns an operation that needs no key: all that it says or changes is a session."""
    described = operation(operation_id, summary, (), [])
    del described["responses"]["401"]
    return described | {"security": []}


def in_session(described: Json, path: str) -> Json:
    """Returns the twin of an operation for the page, which has a session instead of a key."""
    return described | {
        "operationId": f"{described['operationId']}InSession",
        "summary": f"{described['summary']}, in a session of the page",
        "description": f"The same as `GET {path}`, for whoever has a session instead of a key.",
        "tags": [PAGE],
        "security": [{"session": []}, {"session": [], "token": []}],
    }


def page_file(
    operation_id: str,
    summary: str,
    kind: str,
    parameters: list[Json],
    failures: Iterable[int] = (),
) -> Json:
    """Returns the operation for a file of the page. The file contains no data, so it needs no
    key."""
    described = operation(operation_id, summary, failures, parameters)
    for status in ("401", "403", "500", "502", "503"):
        del described["responses"][status]
    text = {kind: {"schema": {"type": "string"}}}
    described["responses"]["200"] = {"description": "The same for every cluster.", "content": text}
    return described | {"security": []}
