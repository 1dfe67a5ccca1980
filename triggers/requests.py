"""Reading requests: bodies, names, callers."""

import json
import re
from http import HTTPStatus
from typing import Any

import azure.functions as func
import yaml

from clients.services import services
from cluster import names
from cluster.record import ClusterRecord
from triggers.problems import ProblemError

MAX_BODY = 64 * 1024
JSON_TYPES = ("application/json", "")
YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml")


def cluster_name(request: func.HttpRequest) -> str:
    """The name in the URL; one that cannot be a cluster's has no cluster."""
    name = request.route_params.get("name", "")
    if not re.fullmatch(names.CLUSTER_NAME, name):
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            "not a cluster's name",
            faults=[
                {
                    "path": "name",
                    "message": "cannot be a cluster's name",
                    "allowed": names.CLUSTER_NAME_RULE,
                }
            ],
        )
    return name


def known_record(name: str) -> ClusterRecord:
    """Raises ProblemError: there never was such a cluster."""
    found = services().store.record(name)
    if not found:
        raise not_found(name)
    return found[0]


def not_found(name: str) -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, f"no cluster '{name}'")


def document(request: func.HttpRequest) -> Any:
    """The body as JSON or YAML.

    Raises:
        ProblemError: too large, of another type, or not well-formed.
    """
    body = request.get_body()
    if len(body) > MAX_BODY:
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "the body is too large",
            f"{len(body)} bytes; at most {MAX_BODY}",
        )
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in JSON_TYPES + YAML_TYPES:
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unknown content type",
            "send application/json or application/yaml",
        )
    try:
        text = body.decode("utf-8")
        return _yaml(text) if kind in YAML_TYPES else json.loads(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, "the body is not well-formed", str(error)[:500]
        ) from None


def _yaml(text: str) -> Any:
    """Plain YAML: no tags beyond the standard ones, and no aliases, which can grow without end."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise ProblemError(
                HTTPStatus.BAD_REQUEST, "the body is not well-formed", "YAML aliases are not taken"
            )
    # Through JSON, so that a YAML date or a key that is no string cannot slip by the model.
    return json.loads(json.dumps(yaml.safe_load(text), default=str))


def caller(request: func.HttpRequest) -> str:
    """Who calls, where the platform's authentication says so; a function key has no name."""
    return request.headers.get("x-ms-client-principal-name", "")[:200]


def number(request: func.HttpRequest, name: str) -> int:
    """A non-negative query parameter; 0 where it is absent."""
    text = request.params.get(name, "0")
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            "not a number",
            faults=[{"path": name, "message": f"'{text[:40]}'", "allowed": "0 or a larger number"}],
        )
    return int(text)


def reply(
    body: Any, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> func.HttpResponse:
    return func.HttpResponse(
        json.dumps(body, ensure_ascii=False),
        status_code=status,
        mimetype="application/json",
        headers=headers or {},
    )
