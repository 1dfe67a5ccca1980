"""Templates that break a rule, to see that the rule catches them."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.arm.rules import Rule, Template, of_type

type Change = Callable[[Template], Any]
# The rule, the name of a template that keeps it, and what breaks it there.
type Break = tuple[Rule, str, Change]


def each(breaks: Sequence[Break]) -> pytest.MarkDecorator:
    """Runs a test with `rule`, `name` and `change` of each of them."""
    ids = [f"{rule.__name__}-{name}" for rule, name, _ in breaks]
    return pytest.mark.parametrize(("rule", "name", "change"), breaks, ids=ids)


def faults(rule: Rule, template: Template, change: Change) -> list[str]:
    """What the rule finds in a changed copy of the template."""
    changed = copy.deepcopy(template)
    change(changed)
    return list(rule(changed))


def find(template: Template, end: str) -> Any:
    return next(of_type(template, end))
