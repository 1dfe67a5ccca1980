"""The API's answers, field by field: what older readers were promised is still there."""

import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from cluster import contracts, timeline
from cluster.api import PartState, PhaseState
from cluster.api_base import Answer
from tests.triggers.sample_answers import Shown, all_answers
from triggers.documents import openapi
from triggers.operations import answer_models

GOLDEN: dict[str, Shown] = json.loads(
    Path(__file__).with_name("golden_answers.json").read_text(encoding="utf-8")
)
OPERATIONS = {
    "list_clusters": "listClusters",
    "get_cluster": "getCluster",
    "get_events": "getEvents",
    "get_timeline": "getTimeline",
    "get_operation": "getOperation",
    "cancel_cluster": "cancelOperation",
    "remove_cluster": "deleteCluster",
}
# An estimate, whose rule may become a better one.
ESTIMATES = ("percent",)


@pytest.fixture(scope="module")
def answers() -> dict[str, Shown]:
    return all_answers()


@pytest.mark.parametrize("name", GOLDEN)
def test_an_answer_has_every_field_and_value_that_it_had(
    answers: dict[str, Shown], name: str
) -> None:
    assert differences(GOLDEN[name], answers[name]) == []


def differences(promised: Any, answered: Any, path: str = "") -> list[str]:
    """Additional members are allowed; everything else is as promised."""
    if isinstance(promised, dict) and isinstance(answered, dict):
        missing = [f"{path}.{key} is missing" for key in promised if key not in answered]
        shared = [key for key in promised if key in answered and key not in ESTIMATES]
        inner = [differences(promised[key], answered[key], f"{path}.{key}") for key in shared]
        return missing + [found for one in inner for found in one]
    if isinstance(promised, list) and isinstance(answered, list) and len(promised) == len(answered):
        pairs = enumerate(zip(promised, answered, strict=True))
        inner = [differences(old, new, f"{path}[{index}]") for index, (old, new) in pairs]
        return [found for one in inner for found in one]
    same = promised == answered and type(promised) is type(answered)
    return [] if same else [f"{path}: {promised!r} was promised, not {answered!r}"]


@pytest.mark.parametrize("name", GOLDEN)
def test_an_answer_is_what_the_openapi_document_says(answers: dict[str, Shown], name: str) -> None:
    answer, document = answers[name], openapi()
    if "handler" in answer:
        operations = [one for item in document["paths"].values() for one in item.values()]
        wanted = OPERATIONS[answer["handler"]]
        operation = next(one for one in operations if one["operationId"] == wanted)
        schema = operation["responses"][str(answer["status"])]["content"][answer["type"]]["schema"]
    else:
        model = "InstallationReport" if answer["status"] == 200 else "Problem"
        schema = {"$ref": f"#/components/schemas/{model}"}
    validator(document, schema["$ref"]).validate(answer["body"])


def validator(document: dict[str, Any], reference: str) -> jsonschema.Draft202012Validator:
    resource = Resource.from_contents(document, default_specification=DRAFT202012)
    registry: Any = Registry().with_resource("openapi:", resource)
    found = {"$ref": f"openapi:{reference}"}
    return jsonschema.Draft202012Validator(found, registry=registry)


def test_an_app_writes_no_value_that_its_own_models_do_not_know() -> None:
    phase = contracts.PhaseRecord.model_fields["state"].annotation
    assert get_args(PhaseState.__value__) == get_args(phase)
    assert get_args(PartState.__value__) == get_args(timeline.BarState.__value__)


@pytest.mark.parametrize("model", answer_models(), ids=lambda model: model.__name__)
def test_every_model_says_what_it_is_and_requires_only_fields_that_it_has(
    model: type[Answer],
) -> None:
    schema = openapi()["components"]["schemas"][model.__name__]
    assert schema["description"]
    assert set(schema["required"]) <= set(schema["properties"])
