"""The spec's JSON Schema and the API's OpenAPI 3.1 document, both generated from the models."""

from typing import Any

import azure.functions as func
from pydantic.json_schema import models_json_schema

from cluster.access import AppRole
from cluster.spec import ClusterSpec
from cluster.spec_schema import spec_schema
from triggers.endpoint import endpoint
from triggers.operations import COMPONENT, answer_models, paths
from triggers.requests import reply_document


@endpoint(needs=AppRole.READER)
def get_schema(req: func.HttpRequest) -> func.HttpResponse:
    """Returns the spec's JSON Schema, draft 2020-12."""
    del req
    return reply_document(spec_schema())


@endpoint(needs=AppRole.READER)
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
    return {
        "openapi": "3.1.0",
        "info": {"title": "Slipway", "version": "1", "description": ClusterSpec.__doc__ or ""},
        "servers": [{"url": "/api"}],
        "security": [{"key": []}, {"token": []}],
        "paths": paths(),
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }
