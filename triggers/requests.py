"""Reads bodies, names and callers from requests."""

import json
import re
from http import HTTPStatus
from typing import Any

import azure.functions as func

from clients.services import services
from cluster import names
from cluster.api_base import Answer
from cluster.api_requests import FieldFault
from cluster.contracts import RunRef
from cluster.record import ClusterRecord
from cluster.strict_parsing import MAX_BYTES, plain_json, plain_yaml
from triggers.problems import ProblemError

JSON_TYPES = ("application/json", "")
YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml")


def cluster_name(request: func.HttpRequest) -> str:
    """Returns the cluster's name from the URL.

    Raises:
        ProblemError: it is not a valid name of a cluster.
    """
    name = request.route_params.get("name", "")
    if not re.fullmatch(names.CLUSTER_NAME, name):
        raise not_a_name("name", name)
    return name


def not_a_name(path: str, name: str) -> ProblemError:
    """Returns the error for an invalid name. `path` is the name's place in the request.

    The host leaves some characters of a path encoded, such as `%2F`.
    """
    shown = json.dumps(name[:40])[1:-1]
    message = f"'{shown}' cannot be a cluster's name"
    message += ": '%' and what it encodes are never part of one" if "%" in name else ""
    fault = FieldFault(path=path, message=message, allowed=names.CLUSTER_NAME_RULE)
    return ProblemError(HTTPStatus.BAD_REQUEST, "not a cluster's name", faults=[fault])


def known_record(name: str) -> ClusterRecord:
    """Returns the record of a cluster.

    Raises:
        ProblemError: there never was such a cluster.
    """
    found = services().store.record(name)
    if not found:
        raise not_found(name)
    return found[0]


def known_run(record: ClusterRecord, generation: int) -> RunRef:
    """Returns the cluster's run of that generation. A restored record may be older than the run.

    Raises:
        ProblemError: there never was such a run.
    """
    ref = RunRef(cluster=record.name, generation=generation)
    if generation < 1 or (generation > record.generation and not services().store.has_traces(ref)):
        raise ProblemError(HTTPStatus.NOT_FOUND, "no such operation")
    return ref


def not_found(name: str) -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, f"no cluster '{name}'")


def document(request: func.HttpRequest) -> Any:
    """Returns the parsed body, which is JSON or YAML.

    Raises:
        ProblemError: the body did not arrive, is too large, has another type, or is not
            well-formed.
    """
    body = request.get_body()
    if not body and "transfer-encoding" in request.headers:
        raise ProblemError(
            HTTPStatus.LENGTH_REQUIRED,
            "the body did not arrive",
            "it was sent in chunks (Transfer-Encoding: chunked), and Azure Functions does not hand "
            "those to an app; send it whole, with Content-Length",
            faults=[_body_fault("sent in chunks", "a body with Content-Length")],
        )
    if len(body) > MAX_BYTES:
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "the body is too large",
            f"{len(body)} bytes; at most {MAX_BYTES}",
            faults=[_body_fault(f"{len(body)} bytes", f"at most {MAX_BYTES} bytes")],
        )
    kind = _content_type(request)
    if kind not in JSON_TYPES + YAML_TYPES:
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unknown content type",
            "send application/json or application/yaml",
            faults=[_body_fault("unknown content type", "application/json or application/yaml")],
        )
    try:
        text = body.decode("utf-8")
        found = plain_yaml(text) if kind in YAML_TYPES else plain_json(text)
    except ValueError as error:  # a NotPlainError, or not UTF-8
        # The error's text may hold characters that cannot be written as UTF-8.
        told = str(error).encode(errors="backslashreplace").decode()[:500]
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            "the body is not well-formed",
            told,
            faults=[_body_fault(told, "plain JSON or YAML in UTF-8")],
        ) from None
    return found


def _content_type(request: func.HttpRequest) -> str:
    """Returns the content type in lower case, without its parameters.

    The host joins repeated headers with ','. If all have the same type, that type is returned.
    """
    sent = request.headers.get("content-type", "").lower().split(",")
    kinds = {one.partition(";")[0].strip() for one in sent}
    return kinds.pop() if len(kinds) == 1 else ",".join(sorted(kinds))


def _body_fault(message: str, allowed: str) -> FieldFault:
    """Returns a fault of the whole body: its path is empty."""
    return FieldFault(path="", message=message, allowed=allowed)


def reply(
    answer: Answer, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> func.HttpResponse:
    return func.HttpResponse(
        answer.to_json(),
        status_code=status,
        mimetype="application/json",
        headers=headers or {},
    )


def reply_document(document: dict[str, Any]) -> func.HttpResponse:
    """Answers with a document of another standard, such as a JSON Schema."""
    return func.HttpResponse(json.dumps(document, ensure_ascii=False), mimetype="application/json")
