"""Nodes are removed from a cluster without Kubernetes: nothing to drain, and their machines go.

The whole removal runs on real machines, with every activity executed twice. What Kubernetes adds
is in `tests/kubernetes/test_removed_nodes.py`.
"""

from typing import Any

import pytest

from clients.azure.arm import Resources
from tests.lab.conftest import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(900)]
NETWORK, THROUGH = 93, "base"


@pytest.fixture(scope="module")
def built(lab: Lab, field: dict[str, Any]) -> dict[str, Any]:
    """A cluster of three workers in two pools."""
    pools = [{"name": "worker", "count": 2}, {"name": "other", "count": 1}]
    spec = field | {"workers": pools}
    lab.succeeds(spec)
    return spec


def machines(lab: Lab) -> set[str]:
    return {name for name in lab.machines("field") if "worker" in name or "other" in name}


def left(lab: Lab, node: str) -> set[str]:
    """What Azure has of a node."""
    found = Resources(lab.settings()).list("field-rg")
    return {one.name for one in found if one.name == node or one.name.startswith(f"{node}-")}


def nodes(lab: Lab) -> set[str]:
    shown = lab.call("GET", "/api/clusters/field").json()["nodes"]
    return {node["name"] for node in shown if node["role"] == "worker"}


def test_one_node_is_removed_by_its_name(lab: Lab, built: dict[str, Any]) -> None:
    accepted = lab.call("DELETE", "/api/clusters/field/nodes/field-worker-0")
    assert accepted.status_code == 202, accepted.text
    answer = lab.follow(accepted.headers["Location"])
    assert answer.status_code == 200, answer.text
    assert machines(lab) == nodes(lab) == {"field-worker-1", "field-other-0"}
    assert left(lab, "field-worker-0") == set()
    assert len(left(lab, "field-worker-1")) >= 3
    texts = [event["text"] for event in lab.events("field")]
    assert any("nothing to drain" in text for text in texts)
    assert texts.count("removed: field-worker-0") == 1


def test_a_pool_is_left_out_and_another_becomes_empty(lab: Lab, built: dict[str, Any]) -> None:
    lab.succeeds(built | {"workers": [{"name": "worker", "count": 0}]})
    assert machines(lab) == nodes(lab) == set()
    assert left(lab, "field-other-0") == set()


def test_a_pool_that_grows_again_fills_its_gaps(lab: Lab, built: dict[str, Any]) -> None:
    lab.succeeds(built | {"workers": [{"name": "worker", "count": 1}]})
    assert machines(lab) == nodes(lab) == {"field-worker-0"}


@pytest.mark.parametrize("node", ["field-etcd-0", "field-control-plane-0", "field-controller"])
def test_other_machines_are_not_removed(lab: Lab, built: dict[str, Any], node: str) -> None:
    answer = lab.call("DELETE", f"/api/clusters/field/nodes/{node}")
    assert answer.status_code == 409, answer.text
    assert node in lab.machines("field")
