"""The checks of the OpenAPI document find faults, and say where they did not run."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dev import api_checks
from dev.api_checks import TOOLS, run_api_checks
from lab.testing.machines import npm
from triggers.documents import openapi

type Document = dict[str, Any]
REDOCLY, SPECTRAL = (tool.name for tool in TOOLS)


def operation(document: Document) -> Document:
    return document["paths"]["/clusters/{name}"]["get"]


def without_id(document: Document) -> None:
    del operation(document)["operationId"]


def without_description(document: Document) -> None:
    del operation(document)["description"]


def with_unknown_tag(document: Document) -> None:
    operation(document)["tags"] = ["Unheard of"]


def with_wrong_reference(document: Document) -> None:
    content = operation(document)["responses"]["200"]["content"]["application/json"]
    content["schema"] = {"$ref": "#/components/schemas/Nobody"}


def with_unused_model(document: Document) -> None:
    document["components"]["schemas"]["Nobody"] = {"type": "object"}


def without_a_failure(document: Document) -> None:
    responses = operation(document)["responses"]
    for status in [status for status in responses if status.startswith("4")]:
        del responses[status]


def test_the_document_passes() -> None:
    assert [passed for passed, _ in run_api_checks()] == [True, True]


@pytest.mark.parametrize(
    ("spoil", "found_by"),
    [
        (without_id, {REDOCLY, SPECTRAL}),
        (without_description, {SPECTRAL}),
        (with_unknown_tag, {SPECTRAL}),
        (with_wrong_reference, {REDOCLY, SPECTRAL}),
        (with_unused_model, {REDOCLY, SPECTRAL}),
        (without_a_failure, {REDOCLY}),
    ],
)
def test_a_fault_is_found(spoil: Callable[[Document], None], found_by: set[str]) -> None:
    document = copy.deepcopy(openapi())
    spoil(document)
    results = zip(TOOLS, run_api_checks(document), strict=True)
    assert {tool.name for tool, (passed, _) in results if not passed} == found_by


def test_checks_that_cannot_be_installed_did_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Path:
        raise npm.NpmError("no network")

    monkeypatch.setattr(api_checks, "install_tools", refuse)
    found = run_api_checks()
    assert [passed for passed, _ in found] == [True, True]
    assert all("NOT RUN (npm could not install dev/api)" in line for _, line in found)
