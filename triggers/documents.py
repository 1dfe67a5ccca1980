"""The spec's JSON Schema and the API's OpenAPI 3.1 document, both made from the models."""

from collections.abc import Set
from typing import Any

import azure.functions as func

from cluster import names
from cluster.spec import ClusterSpec
from triggers import view
from triggers.endpoint import endpoint
from triggers.requests import reply_document

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "operation": {"type": "string", "description": "Path of the operation it is about."},
        "cause": {"type": ["object", "null"]},
        "faults": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "message", "allowed"],
                "properties": {k: {"type": "string"} for k in ("path", "message", "allowed")},
            },
        },
    },
}


# An unknown parameter, settings that are missing, a refusal by Azure, a service that is away.
ALWAYS = {400, 500, 502, 503}


def spec_schema(template: str = "#/$defs/{model}") -> dict[str, Any]:
    return ClusterSpec.model_json_schema(by_alias=True, ref_template=template)


@endpoint()
def get_schema(req: func.HttpRequest) -> func.HttpResponse:
    """The spec's JSON Schema, draft 2020-12."""
    del req
    return reply_document(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **spec_schema()}
    )


@endpoint()
def get_openapi(req: func.HttpRequest) -> func.HttpResponse:
    """The API's OpenAPI 3.1 document."""
    del req
    return reply_document(openapi())


def openapi() -> dict[str, Any]:
    """The whole API; every operation answers errors as problem documents."""
    spec = spec_schema("#/components/schemas/{model}")
    schemas = {**spec.pop("$defs", {}), "ClusterSpec": spec, "Problem": PROBLEM}
    pattern = f"^{names.CLUSTER_NAME.pattern}$"
    name = _parameter("name", "path", {"type": "string", "pattern": pattern})
    count = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
    body = {
        "required": True,
        "content": {
            kind: {"schema": {"$ref": "#/components/schemas/ClusterSpec"}}
            for kind in ("application/json", "application/yaml")
        },
    }
    yes = {"type": "string", "enum": ["true", "false"]}
    plan = _parameter("plan", "query", yes)
    paths = {
        "/clusters": {
            "get": _operation("List clusters", {200}, [_parameter("deleted", "query", yes)])
        },
        "/clusters/{name}": {
            "get": _operation("Show a cluster", {200, 404}, [name]),
            "put": _operation(
                "Make a cluster so", {200, 202, 409, 411, 413, 415}, [name, plan], body
            ),
            "delete": _operation("Remove a cluster", {202, 404}, [name]),
        },
        "/clusters/{name}/events": {
            "get": _operation(
                "Events of a run",
                {200, 404},
                [
                    name,
                    _parameter("after", "query", count),
                    _parameter("generation", "query", count),
                ],
            )
        },
        "/clusters/{name}/timeline": {
            "get": _operation(
                "When each part of a run began and ended",
                {200, 404},
                [name, _parameter("generation", "query", count)],
            )
        },
        "/clusters/{name}/view": {
            "get": _page_file("A page that shows a run; it asks for the key", "text/html", [name])
        },
        f"/{view.MODULE_ROUTE}": {
            "get": _page_file(
                "A script of that page, of the app's own version only",
                "text/javascript",
                [
                    _parameter("version", "path", {"type": "string", "pattern": "^[0-9a-f]{16}$"}),
                    _parameter("module", "path", {"type": "string", "pattern": r"^[a-z]+\.mjs$"}),
                ],
                {404},
            )
        },
        "/clusters/{name}/cancel": {
            "post": _operation("Cancel what runs", {202, 404, 409}, [name])
        },
        "/clusters/{name}/controller/start": {
            "post": _operation("Start the controller, for a tunnel", {200, 202, 404, 409}, [name])
        },
        "/clusters/{name}/controller/stop": {
            "post": _operation("Deallocate the controller", {200, 202, 404, 409}, [name])
        },
        "/clusters/{name}/operations/{generation}": {
            "get": _operation(
                "Follow an operation",
                {200, 202, 404, 409, 424},
                [name, _parameter("generation", "path", count | {"minimum": 1})],
            )
        },
        "/doctor": {
            "get": _operation(
                "Examine the installation",
                {200},
                [
                    _parameter(n, "query", {"type": "string", "minLength": 1})
                    for n in ("location", "group", "cluster")
                ],
            )
        },
        "/schema": {"get": _operation("JSON Schema of the spec", {200}, [])},
        "/openapi.json": {"get": _operation("This document", {200}, [])},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Slipway", "version": "1", "description": ClusterSpec.__doc__ or ""},
        "servers": [{"url": "/api"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-functions-key"}
            },
        },
    }


def _parameter(name: str, where: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": schema}


def _page_file(
    title: str, kind: str, parameters: list[dict[str, Any]], statuses: Set[int] = frozenset()
) -> dict[str, Any]:
    """A file of the page: it holds no data, and so needs no key."""
    operation = _operation(title, set(statuses), parameters)
    for status in ("401", "500", "502", "503"):
        del operation["responses"][status]
    text = {kind: {"schema": {"type": "string"}}}
    operation["responses"]["200"] = {"description": "the same for every cluster", "content": text}
    return operation | {"security": []}


def _operation(
    title: str,
    statuses: set[int],
    parameters: list[dict[str, Any]],
    body: dict[str, Any] | None = None,
) -> dict[str, Any]:
    responses: dict[str, Any] = {"401": {"description": "no key, or a wrong one"}}
    for status in sorted(statuses | ALWAYS):
        error = status >= 400
        kind = "application/problem+json" if error else "application/json"
        schema = {"$ref": "#/components/schemas/Problem"} if error else {"type": "object"}
        responses[str(status)] = {
            "description": "problem" if error else "as asked",
            "content": {kind: {"schema": schema}},
        }
        if status == 202:
            responses["202"]["headers"] = {
                header: {"schema": {"type": "string"}} for header in ("Location", "Retry-After")
            }
    operation = {"summary": title, "parameters": parameters, "responses": responses}
    return operation | ({"requestBody": body} if body else {})
