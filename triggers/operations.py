"""Describes the operations of the HTTP API for the OpenAPI document: parameters, bodies,
answers."""

from collections.abc import Iterable, Mapping
from typing import Any

from cluster import names
from cluster.api import ClusterDetail, ClusterList, EventList, RunTimeline
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
    Problem,
    RecordForgotten,
    SignIn,
)
from triggers import view
from triggers.operation_texts import OPERATIONS

type Json = dict[str, Any]
type Answers = Mapping[int, type[Answer]]

COMPONENT = "#/components/schemas/{model}"
# Statuses of every operation: an unknown parameter, a role that is missing, missing settings, a
# refusal by Azure, an unavailable service.
ALWAYS = (400, 403, 500, 502, 503)
FAILURES = {
    400: "The request was refused; `faults` names what is wrong.",
    403: "The token's roles do not allow it, or not for this cluster.",
    404: "There is no such cluster or run.",
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
COUNT: Json = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
YES: Json = {"type": "string", "enum": ["true", "false"]}


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
    "getEvents": {200: EventList},
    "getTimeline": {200: RunTimeline},
    "getLog": {200: PlayLog},
    "listOperations": {200: OperationList},
    "cancelOperation": {202: CancelAccepted},
    "startController": {200: ControllerRunning, 202: ControllerStarting},
    "stopController": {200: ControllerStatus, 202: ControllerStatus},
    "forgetRecord": {200: RecordForgotten},
    "getOperation": {200: OperationSucceeded, 202: OperationRunning},
    "examineInstallation": {200: InstallationReport},
    "getSignIn": {200: SignIn},
}


def paths() -> Json:
    """Returns every route of the app with its operations."""
    pattern = f"^{names.CLUSTER_NAME.pattern}$"
    name = _parameter(
        "name", "path", {"type": "string", "pattern": pattern}, "The cluster's name.", "demo"
    )
    after = _parameter("after", "query", COUNT, "Only events with a larger `seq`.")
    generation = _parameter(
        "generation", "query", COUNT, "Number of the run. Default: the latest. 0: the group's tag."
    )
    play = _parameter(
        "play", "query", COUNT | {"minimum": 1}, "Number of the play. Default: the last one."
    )
    position = _parameter("after", "query", COUNT, "Only text behind this position, in bytes.")
    before = _parameter(
        "before", "query", COUNT | {"minimum": 1}, "Only operations with a smaller number."
    )
    run = _parameter("generation", "path", COUNT | {"minimum": 1}, "Number of the operation.", 1)
    plan = _parameter("plan", "query", YES, "`true`: only show what would be done.")
    adopt = _parameter("adopt", "query", YES, "`true`: make a lost record anew.")
    full = _parameter("full", "query", YES, "`true`: run every stage on every machine.")
    force = _parameter("force", "query", YES, "`true`: delete pods that cannot be evicted in time.")
    deleted = _parameter("deleted", "query", YES, "`true`: list removed clusters, too.")
    node = _parameter("node", "path", {"type": "string"}, "The node's name.", "demo-worker-2")
    text = {"type": "string", "minLength": 1}
    places = [
        _parameter("location", "query", text, "Examine this region, too.", "westeurope"),
        _parameter("group", "query", text, "Examine the rights in this resource group."),
        _parameter("cluster", "query", text, "Examine what this cluster needs.", "demo"),
    ]
    cluster = "/clusters/{name}"
    return {
        "/clusters": {"get": _operation("listClusters", "List clusters", (), [deleted])},
        cluster: {
            "get": _operation("getCluster", "Show a cluster", (404,), [name]),
            "put": _operation(
                "putCluster",
                "Create or change a cluster; with `plan=true`, only plan it; with `adopt=true`, "
                "make its lost record anew from what carries its uid; with `full=true`, run every "
                "stage on every machine",
                (409, 411, 413, 415),
                [name, plan, adopt, full],
            )
            | {"requestBody": _spec_body()},
            "delete": _operation("deleteCluster", "Delete a cluster", (404, 409), [name]),
        },
        f"{cluster}/nodes/{{node}}": {
            "delete": _operation(
                "deleteNode",
                "Remove a worker: cordon it, evict its pods, delete its machine; with "
                "`force=true`, delete pods that cannot be evicted",
                (404, 409),
                [name, node, force],
            )
        },
        f"{cluster}/events": {
            "get": _operation("getEvents", "Events of a run", (404, 409), [name, after, generation])
        },
        f"{cluster}/timeline": {
            "get": _operation(
                "getTimeline",
                "When each part of a run began and ended",
                (404, 409),
                [name, generation],
            )
        },
        f"{cluster}/view": {
            "get": _page_file(
                "getPage", "A page that shows a run; it asks for the key", "text/html", [name]
            )
        },
        "/view/signed-in": {
            "get": _page_file("getSignedIn", "The page, at the end of a sign-in", "text/html", [])
        },
        f"/{view.MODULE_ROUTE}": {"get": _page_module()},
        f"{cluster}/cancel": {
            "post": _operation("cancelOperation", "Cancel the operation", (404, 409), [name])
        },
        f"{cluster}/controller/start": {
            "post": _operation(
                "startController",
                "Start the controller, for a connection through it",
                (404, 409),
                [name, _parameter("node", "query", text, "Say how to reach this node, too.")],
            )
        },
        f"{cluster}/controller/stop": {
            "post": _operation("stopController", "Deallocate the controller", (404, 409), [name])
        },
        f"{cluster}/forget": {
            "post": _operation(
                "forgetRecord",
                "Move a record that cannot be read out of the way; `confirm` repeats the name",
                (404, 409),
                [name, _parameter("confirm", "query", {"type": "string"}, "The name, again.")],
            )
        },
        f"{cluster}/log": {
            "get": _operation(
                "getLog", "What a play wrote", (404, 409), [name, generation, play, position]
            )
        },
        f"{cluster}/operations": {
            "get": _operation("listOperations", "Operations of a cluster", (404,), [name, before])
        },
        f"{cluster}/operations/{{generation}}": {
            "get": _operation(
                "getOperation", "Follow an operation to its end", (404, 409, 424), [name, run]
            )
        },
        "/doctor": {
            "get": _operation("examineInstallation", "Examine the installation", (), places)
        },
        "/sign-in": {"get": _sign_in()},
        "/schema": {"get": _free_form("getSchema", "JSON Schema of the spec")},
        "/openapi.json": {"get": _free_form("getOpenapi", "This document")},
    }


def _parameter(name: str, where: str, schema: Json, description: str, example: Any = None) -> Json:
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


def _spec_body() -> Json:
    schema = {"$ref": COMPONENT.format(model="ClusterSpec")}
    kinds = ("application/json", "application/yaml")
    return {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}


def _operation(
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


def _free_form(operation_id: str, summary: str) -> Json:
    operation = _operation(operation_id, summary, (), [])
    content = {"application/json": {"schema": FREE_FORM}}
    operation["responses"]["200"] = {"description": summary, "content": content}
    return _open(operation)


def _sign_in() -> Json:
    """Returns the operation that clients use before they have a token."""
    return _open(_operation("getSignIn", "How a caller identifies itself", (), []))


def _open(operation: Json) -> Json:
    """Returns an operation that needs no key: its answer says nothing of any cluster."""
    for status in ("401", "403"):
        del operation["responses"][status]
    return operation | {"security": []}


def _page_module() -> Json:
    version, module = r"^[0-9a-f]{16}$", r"^[a-z]+\.mjs$"
    parameters = [
        _parameter(
            "version", "path", {"type": "string", "pattern": version}, "Version of the scripts."
        ),
        _parameter(
            "module", "path", {"type": "string", "pattern": module}, "File name.", "main.mjs"
        ),
    ]
    return _page_file(
        "getPageModule",
        "A script of that page, of the app's own version only",
        "text/javascript",
        parameters,
        (404,),
    )


def _page_file(
    operation_id: str,
    summary: str,
    kind: str,
    parameters: list[Json],
    failures: Iterable[int] = (),
) -> Json:
    """Returns the operation for a file of the page. The file contains no data, so it needs no
    key."""
    operation = _operation(operation_id, summary, failures, parameters)
    for status in ("401", "403", "500", "502", "503"):
        del operation["responses"][status]
    text = {kind: {"schema": {"type": "string"}}}
    operation["responses"]["200"] = {"description": "The same for every cluster.", "content": text}
    return operation | {"security": []}
