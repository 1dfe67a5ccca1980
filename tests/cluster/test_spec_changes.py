"""A plan names each field that differs from the spec that was applied last."""

from typing import Any

import pytest

from cluster.spec_changes import VALUE_CHARACTERS, changed_fields
from cluster.spec_rules import parse_spec

POOL = {"name": "worker", "count": 2}


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str]]:
    applied = parse_spec({"name": "demo"} | before).document()
    found = changed_fields(applied, parse_spec({"name": "demo"} | after))
    return [(change.path, change.before, change.after) for change in found]


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ({}, {}, []),
        ({}, {"workers": [POOL | {"count": 3}]}, [("workers[0].count", "2", "3")]),
        ({}, {"location": "West Europe"}, []),
        ({}, {"tags": {"team": "a"}}, [("tags.team", "", '"a"')]),
        ({"tags": {"team": "a"}}, {}, [("tags.team", '"a"', "")]),
        ({"playbook": {"through": "etcd"}}, {}, [("playbook.through", '"etcd"', "")]),
        (
            {},
            {"controller": {"keep": True}, "etcd": {"count": 5}},
            [("controller.keep", "false", "true"), ("etcd.count", "3", "5")],
        ),
    ],
)
def test_changed_fields_have_their_path_and_both_values(
    before: dict[str, Any], after: dict[str, Any], wanted: list[tuple[str, str, str]]
) -> None:
    assert changes(before, after) == wanted


def test_a_new_pool_is_one_change() -> None:
    pools = {"workers": [POOL, {"name": "gpu", "count": 1}]}
    ((path, before, after),) = changes({}, pools)
    assert (path, before) == ("workers[1]", "")
    assert '"name": "gpu"' in after
    assert len(after) <= VALUE_CHARACTERS


@pytest.mark.parametrize("applied", [{}, {"workers": 7}, {"name": "demo", "etcd": []}])
def test_without_a_readable_spec_there_is_nothing_to_compare(applied: dict[str, Any]) -> None:
    assert changed_fields(applied, parse_spec({"name": "demo"})) == []
