"""Which cluster a tagged group gets, and that a tag that starts nothing is told once."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest

from clients.errors import Refused
from cluster.closing import closed
from cluster.contracts import FinishInput, RunRef
from cluster.record import ClusterRecord
from runs.claims import claim_delete, claim_reconcile
from tests.runs.memory import engine, spec
from tests.triggers.test_groups import (
    GOOD_TAG,
    REFUSED_TAG,
    Installation,
    app,
    deliver,
    group_event,
)
from triggers import clusters, requests, views
from triggers.groups import RepeatedEventError

__all__ = ["app"]


def written(group: str = "team-a") -> Any:
    return group_event("ResourceWriteSuccess", "write", group)


def gone(group: str = "team-a", time: Any = None) -> Any:
    return group_event("ResourceDeleteSuccess", "delete", group, time)


def starts(app: Installation) -> list[str]:
    return [instance for kind, instance in engine(app.context).starts if kind[:3] == "rec"]


def finish(app: Installation, name: str, result: Any = "succeeded") -> ClusterRecord:
    """Ends the cluster's operation in order."""
    record, etag = app.store.need_record(name)
    assert record.operation is not None
    ended = FinishInput(cluster=name, generation=record.generation, result=result)
    app.store.save_result(ended)
    engine(app.context).states[record.operation.instance_id] = "COMPLETED"
    app.store.save_record(closed(record, ended), etag)
    return app.store.need_record(name)[0]


def told(app: Installation, name: str) -> list[str]:
    return [event.text for event in app.store.events(RunRef(cluster=name, generation=0))]


@pytest.fixture
def tagged(app: Installation) -> Installation:
    app.tag = GOOD_TAG
    return app


@pytest.mark.parametrize("key", ["slipway", "Slipway", "SLIPWAY"])
def test_a_tag_is_found_in_any_case(tagged: Installation, key: str) -> None:
    tagged.tag_key = key
    assert deliver(written()) is None
    assert starts(tagged) == ["team-a-000001"]


@pytest.mark.parametrize("suffix", ["", "/providers/Microsoft.Resources/tags/default"])
def test_a_tag_that_the_tags_api_wrote_starts_a_cluster(tagged: Installation, suffix: str) -> None:
    event = group_event(
        "ResourceWriteSuccess", "write", suffix=suffix, operations="Microsoft.Resources/tags/"
    )
    assert deliver(event) is None
    assert starts(tagged) == ["team-a-000001"]


@pytest.mark.parametrize(
    "suffix", ["/providers/Microsoft.Compute/virtualMachines/x", "/providers/Microsoft.Resources"]
)
def test_tags_of_other_resources_are_no_concern(tagged: Installation, suffix: str) -> None:
    event = group_event(
        "ResourceWriteSuccess", "write", suffix=suffix, operations="Microsoft.Resources/tags/"
    )
    assert deliver(event) is None
    assert tagged.left == []


@pytest.mark.parametrize(
    "names",
    [
        ("team-a", "team.a", "team_a", "Team(A)", "1team-a"),
        ("team-alpha-production-west-1", "team-alpha-production-west-2"),
        ("prod", "prod_", "(prod)", "7-prod"),
    ],
)
def test_different_groups_get_different_clusters(
    tagged: Installation, names: tuple[str, ...]
) -> None:
    for _ in range(2):
        for name in names:
            assert deliver(written(name)) is None
    found = {record.group: record.name for record in tagged.store.records()}  # type: ignore[union-attr]
    assert set(found) == set(names)
    assert len(set(found.values())) == len(names)
    assert len(starts(tagged)) == len(names)


def test_a_group_is_the_same_in_any_case(tagged: Installation) -> None:
    for name in ("team-a", "Team-A"):
        assert deliver(written(name)) is None
    assert starts(tagged) == ["team-a-000001"]


def test_a_group_with_the_name_of_a_cluster_of_the_api_gets_another_name(
    tagged: Installation,
) -> None:
    claim_reconcile(tagged.context, spec(), "ada")  # demo, in demo-rg
    assert deliver(written("demo")) is None
    assert deliver(written("demo")) is None
    (name,) = [i.rpartition("-")[0] for i in starts(tagged)[1:]]
    assert name.startswith("demo-")
    assert tagged.store.need_record(name)[0].group == "demo"
    assert tagged.store.need_record("demo")[0].group == "demo-rg"


def test_a_name_that_is_taken_meanwhile_is_left_alone(
    tagged: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = tagged.store.record
    reads: list[str] = []

    def record(name: str) -> Any:
        reads.append(name)
        if len(reads) == 3:  # the claim's own look
            claim_reconcile(tagged.context, spec(), "ada")
        return read(name)

    monkeypatch.setattr(tagged.store, "record", record)
    assert isinstance(deliver(written("demo")), RepeatedEventError)
    assert tagged.store.need_record("demo")[0].group == "demo-rg"
    assert deliver(written("demo")) is None
    assert len(starts(tagged)) == 2


def test_a_cluster_that_an_earlier_version_named_is_kept(tagged: Installation) -> None:
    """Also by a group whose name cannot be a cluster's."""
    record = ClusterRecord(name="team-a", uid="1", group="Team.A", state="ready", tag=GOOD_TAG)
    claimed = claim_reconcile(tagged.context, spec(), "event grid").operation
    tagged.store.create_record(
        record.model_copy(
            update={
                "operation": claimed.model_copy(
                    update={"finished": True, "instance_id": "team-a-000001"}
                )
            }
        )
    )
    assert deliver(written("team.a")) is None
    assert [record.name for record in tagged.store.records()] == ["demo", "team-a"]


@pytest.mark.parametrize("removed_before", [True, False])
def test_a_group_that_was_deleted_and_created_again_starts_anew(
    tagged: Installation, *, removed_before: bool
) -> None:
    assert deliver(written()) is None
    finish(tagged, "team-a")
    if removed_before:
        assert claim_delete(tagged.context, "team-a", "ada") is not None
        finish(tagged, "team-a")
    tagged.gone = True
    assert deliver(gone()) is None
    tagged.gone = False
    if not removed_before:
        # The removal of the cluster before runs; Event Grid sends the event again.
        assert isinstance(deliver(written()), RepeatedEventError)
        finish(tagged, "team-a")
    assert deliver(written()) is None
    assert deliver(written()) is None
    assert starts(tagged) == ["team-a-000001", "team-a-000003"]
    assert tagged.posts == []


@pytest.mark.parametrize("removed_before", [True, False])
def test_the_order_of_the_events_does_not_matter(
    tagged: Installation, *, removed_before: bool
) -> None:
    assert deliver(written()) is None
    finish(tagged, "team-a")
    if removed_before:
        claim_delete(tagged.context, "team-a", "ada")
        finish(tagged, "team-a")
    deleted_at = datetime.now(UTC) + timedelta(seconds=1)
    deliver(written())  # of the new group, before the deletion of the old one
    late = gone(time=deleted_at)
    if not removed_before:
        assert isinstance(deliver(late), RepeatedEventError)
        finish(tagged, "team-a")
    assert deliver(late) is None
    assert starts(tagged) == ["team-a-000001", "team-a-000003"]


@pytest.mark.parametrize("minutes", [-5, None])
def test_a_late_deletion_of_the_group_before_does_not_end_the_new_cluster(
    tagged: Installation, minutes: int | None
) -> None:
    assert deliver(written()) is None
    time = None if minutes is None else datetime.now(UTC) + timedelta(minutes=minutes)
    assert deliver(gone(time=time)) is None
    assert engine(tagged.context).starts == [("reconcile_cluster", "team-a-000001")]


def test_a_deleted_group_is_noticed_where_its_roles_were_deleted_with_it(
    tagged: Installation,
) -> None:
    assert deliver(written()) is None
    finish(tagged, "team-a")
    tagged.group_error = Refused("AuthorizationFailed", "no", place="resource group team-a")
    tagged.cluster_groups = frozenset({"team-a"})
    assert deliver(gone(time=datetime.now(UTC) + timedelta(seconds=1))) is None
    assert engine(tagged.context).starts[-1] == ("delete_cluster", "team-a-000002")


@pytest.mark.parametrize("result", ["failed", "succeeded"])
def test_a_run_of_a_deleted_group_ends_before_the_cluster_is_removed(
    tagged: Installation, result: Any
) -> None:
    """It may be waiting for the end of the deletion, to create the group again."""
    assert deliver(written()) is None
    tagged.gone = True
    assert isinstance(deliver(gone()), RepeatedEventError)
    assert engine(tagged.context).raised == []
    finish(tagged, "team-a", result)
    assert deliver(gone()) is None
    assert engine(tagged.context).starts[-1] == ("delete_cluster", "team-a-000002")


def test_a_group_that_a_run_created_again_is_not_taken_for_a_new_one(
    tagged: Installation,
) -> None:
    """The run was started before the deletion had ended."""
    assert deliver(written()) is None
    record = finish(tagged, "team-a")
    tagged.more_tags = {"slipway-uid": record.uid}
    late = gone(time=datetime.now(UTC) + timedelta(minutes=1))
    assert deliver(late) is None
    assert engine(tagged.context).starts == [("reconcile_cluster", "team-a-000001")]


def test_a_deleted_group_of_no_cluster_is_not_asked_for(tagged: Installation) -> None:
    assert deliver(gone("somebodys")) is None
    assert tagged.left == []


def test_events_of_groups_that_clusters_are_not_kept_to_are_acknowledged(
    tagged: Installation,
) -> None:
    tagged.cluster_groups = frozenset({"team-b"})
    tagged.group_error = Refused("AuthorizationFailed", "no", place="resource group team-a")
    assert deliver(written()) is None
    assert deliver(gone()) is None
    assert tagged.left == []
    tagged.group_error = None
    assert deliver(written("Team-B")) is None
    assert starts(tagged) == ["team-b-000001"]


def test_a_corrected_tag_starts_the_cluster(app: Installation) -> None:
    for tag in (REFUSED_TAG, "small;workers=99", REFUSED_TAG, "small;workers=99"):
        app.tag = tag
        assert deliver(written()) is None
    assert len(app.posts) == len(told(app, "team-a")) == 2
    app.tag = GOOD_TAG
    assert deliver(written()) is None
    assert starts(app) == ["team-a-000001"]
    record = app.store.need_record("team-a")[0]
    assert (record.state, record.cause) == ("running", None)


def test_a_bad_tag_on_a_new_group_is_told_though_the_name_had_a_cluster(
    tagged: Installation,
) -> None:
    assert deliver(written()) is None
    finish(tagged, "team-a")
    claim_delete(tagged.context, "team-a", "ada")
    finish(tagged, "team-a")
    tagged.gone = True
    assert deliver(gone()) is None
    tagged.gone, tagged.tag = False, REFUSED_TAG
    assert deliver(written()) is None
    assert len(tagged.posts) == 1
    assert tagged.store.need_record("team-a")[0].state == "failed"


def test_a_refused_tag_shows_nothing_of_a_cluster_that_had_the_name_elsewhere(
    tagged: Installation,
) -> None:
    made = spec().model_copy(update={"name": "team-a", "resource_group": "elsewhere"})
    claim_reconcile(tagged.context, made, "ada")
    finish(tagged, "team-a")
    claim_delete(tagged.context, "team-a", "ada")
    before = finish(tagged, "team-a")
    tagged.tag = REFUSED_TAG
    assert deliver(written()) is None
    record = tagged.store.need_record("team-a")[0]
    assert (record.group, record.group_since, record.generation) == ("team-a", 3, 2)
    assert record.uid != before.uid
    shown: Any = views.detail(record, tagged.store, engine(tagged.context), "", 7)
    assert (shown.spec.model_dump(exclude_unset=True), shown.phases, shown.checks) == ({}, (), ())


@pytest.mark.parametrize("case", ["changed tag", "removed cluster", "cluster of the API"])
def test_a_tag_that_starts_nothing_is_told_once(tagged: Installation, case: str) -> None:
    name = "team-a"
    if case == "cluster of the API":
        made = spec().model_copy(update={"name": name, "resource_group": name})
        claim_reconcile(tagged.context, made, "ada")
    else:
        assert deliver(written()) is None
    finish(tagged, name)
    if case == "changed tag":
        assert deliver(written()) is None
        assert tagged.posts == []
        tagged.tag = "standard"
    if case == "removed cluster":
        claim_delete(tagged.context, name, "ada")
        finish(tagged, name)
    before = list(engine(tagged.context).starts)
    for _ in range(3):
        assert deliver(written()) is None
    assert engine(tagged.context).starts == before
    assert len(tagged.posts) == len(told(tagged, name)) == 1
    assert "Next: " in tagged.posts[0]


def test_the_events_of_a_tag_are_run_0(tagged: Installation, monkeypatch: Any) -> None:
    assert deliver(written()) is None
    finish(tagged, "team-a")
    tagged.tag = "standard"
    assert deliver(written()) is None
    for module in (clusters, requests):
        monkeypatch.setattr(module, "services", lambda: tagged)
    asked = func.HttpRequest(
        "GET",
        "https://app/api/clusters/team-a/events?generation=0",
        route_params={"name": "team-a"},
        body=b"",
    )
    (event,) = json.loads(clusters.get_events(asked).get_body())["events"]
    assert "its tag was changed" in event["text"]


def test_a_group_whose_record_cannot_be_read_is_told_and_harms_no_other(
    tagged: Installation,
) -> None:
    tagged.store.blobs.write("clusters/team-a/record.json", b"{")
    for _ in range(2):
        assert deliver(written()) is None
    assert len(tagged.posts) == 1
    assert deliver(written("team-b")) is None
    assert starts(tagged) == ["team-b-000001"]


def test_a_deleted_group_reads_no_record_of_another_group(
    tagged: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        tagged.store.create_record(
            ClusterRecord(name=f"other-{number}", uid="1", group=f"other-{number}")
        )
    tagged.gone = True
    read: list[str] = []
    blobs: Any = tagged.store.blobs
    monkeypatch.setattr(blobs, "read", read.append)
    assert deliver(gone()) is None
    assert read == []
