"""The spec's JSON Schema and the API's OpenAPI 3.1 document, both generated from the models.

They are the same for everybody and say nothing of any cluster, so they need no key.
"""

from typing import Any

import azure.functions as func
from pydantic.json_schema import models_json_schema

from cluster.access import AppRole
from cluster.spec import ClusterSpec
from cluster.spec_schema import spec_schema
from triggers.endpoint import endpoint
from triggers.operation_texts import SCHEMAS, TAGS
from triggers.operations import COMPONENT, answer_models
from triggers.page_cookie import COOKIE
from triggers.paths import paths
from triggers.requests import reply_document

INFO = {
    "title": "Slipway",
    "version": "1",
    "description": "Launches self-managed Kubernetes clusters on Azure virtual machines. Readers "
    "of its answers ignore fields that they do not know.",
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}


@endpoint(needs=AppRole.ANYONE)
def get_schema(req: func.HttpRequest) -> func.HttpResponse:
    """Returns the spec's JSON Schema, draft 2020-12."""
    del req
    return reply_document(spec_schema())


@endpoint(needs=AppRole.ANYONE)
def get_openapi(req: func.HttpRequest) -> func.HttpResponse:
    """Returns the API's OpenAPI 3.1 document."""
    del req
    return reply_document(openapi())


def openapi() -> dict[str, Any]:
    """Returns the document of the whole API, with a component schema for the spec and for every
    answer."""
    models = [ClusterSpec, *answer_models()]
    _, schemas = models_json_schema(
        [(model, "validation") for model in models], ref_template=COMPONENT
    )
    for name, description in SCHEMAS.items():
        schemas["$defs"][name]["description"] = description
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "servers": [{"url": "/api"}],
        "security": [{"key": []}, {"token": []}],
        "paths": paths(),
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "key": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "x-functions-key",
                    "description": "A function key of the app.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": COOKIE,
                    "description": "A session of the page, which a function key began.",
                },
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A token of Microsoft Entra ID, if the installation takes them.",
                },
            },
        },
    }
