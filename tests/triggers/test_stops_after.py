"""A cluster whose play leaves out stages says so in every answer about it."""

from typing import Any

import pytest

from cluster.contracts import FinishInput, RunRef
from cluster.plan import make_plan
from cluster.record import State
from cluster.spec_rules import parse_spec
from cluster.stages import LAST_STAGES, STAGE_IDS, early_end
from tests.triggers.sample_answers import SPEC, ask, ended, installation
from triggers import clusters

EARLY = LAST_STAGES[:-1]


def answers(through: str | None, state: State = "ready") -> dict[str, Any]:
    """Returns the answers about a cluster whose first run ended after that stage."""
    spec = parse_spec(SPEC | {"playbook": {"through": through}})
    with installation() as app:
        record = app.fill(spec=spec.document())
        app.store.keep_plan(RunRef(cluster="demo", generation=1), make_plan(spec, record, []))
        found = app.store.record("demo")
        assert found
        closed = record.model_copy(update=ended(record, state=state))
        app.store.save_record(closed, found[1])
        app.store.save_result(FinishInput(cluster="demo", generation=1, result="succeeded"))
        return {
            "cluster": ask(clusters.get_cluster, app.client)["body"],
            "line": ask(clusters.list_clusters, app.client)["body"]["clusters"],
            "operation": ask(clusters.get_operation, app.client, generation="1")["body"],
            "timeline": ask(clusters.get_timeline, app.client)["body"],
        }


@pytest.mark.parametrize("through", EARLY)
def test_every_answer_names_the_stage_after_which_the_play_ends(through: str) -> None:
    found = answers(through)
    assert found["cluster"]["state"] == "ready"
    for answer in (found["cluster"], *found["line"], found["operation"]):
        assert answer["stopsAfter"] == through
    assert [line["kubernetes"] for line in found["line"]] == [None]


@pytest.mark.parametrize("through", [None, LAST_STAGES[-1]])
def test_a_play_of_all_stages_stops_nowhere_and_skips_nothing(through: str | None) -> None:
    found = answers(through)
    for answer in (found["cluster"], *found["line"], found["operation"]):
        assert answer["stopsAfter"] is None
    assert [line["kubernetes"] for line in found["line"]] == ["1.36"]
    assert found["timeline"]["skipped"] == []


def test_the_timeline_names_the_stages_that_the_spec_leaves_out() -> None:
    skipped = answers("etcd")["timeline"]["skipped"]
    assert [stage["id"] for stage in skipped] == list(STAGE_IDS[STAGE_IDS.index("etcd") + 1 :])
    assert skipped[1] == {"id": "control-plane", "name": "Control plane"}


def test_a_removed_cluster_stops_nowhere() -> None:
    assert answers("etcd", "deleted")["cluster"]["stopsAfter"] is None


def test_a_last_stage_of_a_newer_version_is_an_early_end() -> None:
    assert early_end("gossip") == "gossip"
