"""The JSON Schema of the spec, as the API and the command line publish it."""

from typing import Any

from cluster.spec import ClusterSpec

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def spec_schema() -> dict[str, Any]:
    """Returns the schema, draft 2020-12."""
    return {"$schema": DRAFT, **ClusterSpec.model_json_schema()}
