"""The state of a node that has not reported depends on the phase of the run."""

import pytest

from orchestrators.reconcile_cluster import PHASES
from tests.triggers.sample_answers import STATUS, ask, installation
from triggers import clusters

ORDER = list(PHASES)
MACHINES = ORDER.index("machines")


def state_in(phase: str) -> str:
    with installation() as app:
        app.fill()
        app.status = STATUS | {"phase": phase}
        nodes = ask(clusters.get_cluster, app.client)["body"]["nodes"]
    return next(node["state"] for node in nodes if node["name"] == "demo-worker-1")


@pytest.mark.parametrize("phase", ORDER[:MACHINES])
def test_a_node_is_planned_in_each_phase_before_the_machines(phase: str) -> None:
    assert state_in(phase) == "planned"


def test_a_node_is_deployed_with_the_machines() -> None:
    assert state_in("machines") == "deploying"


@pytest.mark.parametrize("phase", [*ORDER[MACHINES + 1 :], "of a later version"])
def test_a_node_is_waited_for_in_each_phase_after_the_machines(phase: str) -> None:
    assert state_in(phase) == "waiting"


def test_a_node_shows_the_version_that_it_was_last_seen_with() -> None:
    """A record of an older version has none."""
    with installation() as app:
        app.fill(kubelets={"demo-worker-0": "1.36.2", "demo-worker-9": "1.35.1"})
        nodes = ask(clusters.get_cluster, app.client)["body"]["nodes"]
    found = {node["name"]: node["kubernetesVersion"] for node in nodes}
    assert found.pop("demo-worker-0") == "1.36.2"
    assert set(found.values()) == {None}
    assert "demo-worker-9" not in found
