"""The published documents: valid by their own standards, and true of the models."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from openapi_spec_validator import validate

from cluster.spec import ClusterSpec
from cluster.spec_rules import parse_spec
from cluster.spec_schema import spec_schema
from triggers.documents import openapi

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_openapi_document_is_valid() -> None:
    validate(openapi())


def test_the_schema_takes_a_spec_and_refuses_what_the_model_refuses() -> None:
    schema = spec_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    document = parse_spec({"name": "demo"}).model_dump(
        mode="json", by_alias=True, exclude_none=True
    )
    validator.validate(document)
    for wrong in (
        {"name": "Demo"},
        {"name": "demo", "x": 1},
        {"name": "demo", "etcd": {"count": 2}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(wrong)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_are_specs_that_schema_and_model_take(path: Path) -> None:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(spec_schema()).validate(document)
    assert parse_spec(document).name == document["name"]


def test_every_route_of_the_app_is_in_the_document(functions: list[Any]) -> None:
    routes = {
        (trigger.route, str(getattr(method, "value", method)).lower())
        for function in functions
        if type(trigger := function.get_trigger()).__name__ == "HttpTrigger"
        for method in trigger.methods
    }
    documented = {
        (path.lstrip("/"), method) for path, item in openapi()["paths"].items() for method in item
    }
    assert routes == documented


def test_every_field_of_the_spec_is_in_the_document() -> None:
    properties = openapi()["components"]["schemas"]["ClusterSpec"]["properties"]
    assert set(properties) == {f.alias for f in ClusterSpec.model_fields.values()}


# Documents of another standard, and the page.
WITHOUT_MODEL = {"getSchema", "getOpenapi", "getPage", "getPageModule", "getSignedIn"}


def test_every_answer_has_a_named_schema() -> None:
    for item in openapi()["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                if operation["operationId"] in WITHOUT_MODEL and status == "200":
                    continue
                for content in response.get("content", {}).values():
                    assert list(content["schema"]) == ["$ref"], (operation["operationId"], status)


def test_every_operation_can_succeed() -> None:
    for item in openapi()["paths"].values():
        for operation in item.values():
            assert min(operation["responses"]) < "300", operation["operationId"]


def test_no_two_models_have_one_name() -> None:
    """Pydantic would distinguish them by the names of their modules."""
    assert [name for name in openapi()["components"]["schemas"] if "__" in name] == []


def test_a_client_may_meet_fields_and_states_that_the_document_does_not_name() -> None:
    schemas = openapi()["components"]["schemas"]
    assert schemas["ClusterDetail"]["additionalProperties"] is True
    assert "description" in schemas["ClusterDetail"]


def test_every_field_and_model_has_a_description() -> None:
    schemas = openapi()["components"]["schemas"]
    missing = [name for name, schema in schemas.items() if not schema.get("description")]
    for name, schema in schemas.items():
        for field, inner in schema.get("properties", {}).items():
            # The description of a model is also that of a field that is the model.
            if not inner.get("description") and "$ref" not in inner:
                missing.append(f"{name}.{field}")
    assert missing == []


def test_every_operation_and_parameter_is_described_and_has_a_tag_of_the_document() -> None:
    document = openapi()
    tags = {tag["name"] for tag in document["tags"]}
    used: set[str] = set()
    for item in document["paths"].values():
        for operation in item.values():
            assert operation["operationId"]
            assert operation["description"] not in ("", operation["summary"])
            used |= {*operation["tags"]}
            assert all(parameter["description"] for parameter in operation["parameters"])
    assert used == tags


def test_every_refusal_of_the_app_is_a_problem_document() -> None:
    for item in openapi()["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                # The platform refuses a key without a body.
                if status >= "400" and status != "401":
                    assert list(response["content"]) == ["application/problem+json"]
