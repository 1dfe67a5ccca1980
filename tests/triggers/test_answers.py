"""The API's answers, field by field: what older readers were promised is still there."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.triggers.sample_answers import Shown, all_answers

GOLDEN: dict[str, Shown] = json.loads(
    Path(__file__).with_name("golden_answers.json").read_text(encoding="utf-8")
)
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
