"""An event that a group was deleted ends nothing unless ARM confirms it: anybody with Event Grid's
key can send one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.errors import Refused, Transient
from cluster.ownership import Owner
from cluster.record import ClusterRecord
from runs.claims import claim_reconcile
from tests.runs.memory import engine, spec
from tests.triggers.test_group_clusters import app, deliver, finish, gone, tagged
from tests.triggers.test_groups import Installation
from triggers.groups import RepeatedEventError

__all__ = ["app", "tagged"]

STARTED = [("reconcile_cluster", "team-a-000001")]


def built(app: Installation, *, ended: bool = True) -> ClusterRecord:
    """A cluster that the API made in a group which existed, and which has no tag of Slipway's."""
    app.tag = ""
    made = spec().model_copy(update={"name": "team-a", "resource_group": "team-a"})
    claim_reconcile(app.context, made, "ada")
    record = finish(app, "team-a") if ended else app.store.need_record("team-a")[0]
    app.held = [
        {"slipway-cluster": "somebody's"},
        Owner("team-a", record.uid, app.settings.installation).tags,
    ]
    return record


def forged(minutes: int = 1) -> Any:
    return gone(time=datetime.now(UTC) + timedelta(minutes=minutes))


def untouched(app: Installation) -> bool:
    record = app.store.need_record("team-a")[0]
    return engine(app.context).starts == STARTED and not record.group_deleted


@pytest.mark.parametrize("ended", [True, False])
def test_a_group_that_exists_with_the_clusters_resources_was_not_deleted(
    tagged: Installation, caplog: pytest.LogCaptureFixture, *, ended: bool
) -> None:
    built(tagged, ended=ended)
    for _ in range(2):
        assert deliver(forged()) is None
    assert untouched(tagged)
    assert engine(tagged.context).raised == []
    assert "which is not ended" in caplog.text


@pytest.mark.parametrize("changes", [{"slipway-uid": "ffffffff"}, {"slipway-installation": "x/y"}])
def test_resources_of_another_record_or_installation_do_not_keep_the_cluster(
    tagged: Installation, changes: dict[str, str]
) -> None:
    """The group was deleted and created again, and somebody else has a cluster of that name."""
    built(tagged)
    tagged.held = [tagged.held[1] | changes]
    assert deliver(forged()) is None
    assert engine(tagged.context).starts[-1] == ("delete_cluster", "team-a-000002")


def test_a_group_that_was_created_again_and_is_empty_ends_the_cluster(
    tagged: Installation,
) -> None:
    built(tagged)
    tagged.held = []
    assert deliver(forged()) is None
    assert engine(tagged.context).starts[-1] == ("delete_cluster", "team-a-000002")


def test_a_missing_role_of_the_subscription_says_nothing_of_the_group(
    tagged: Installation,
) -> None:
    built(tagged)
    tagged.group_error = Refused("AuthorizationFailed", "no", place="resource group team-a")
    assert isinstance(deliver(forged()), RepeatedEventError)
    assert untouched(tagged)


@pytest.mark.parametrize("kept", [frozenset({"team-a"}), frozenset({"team-a", "team-b"})])
def test_a_group_that_is_listed_and_may_not_be_read_was_not_deleted(
    tagged: Installation, kept: frozenset[str]
) -> None:
    built(tagged)
    tagged.group_error = Refused("AuthorizationFailed", "no", place="resource group team-a")
    tagged.cluster_groups, tagged.listed = kept, {"team-a"}
    assert isinstance(deliver(forged()), RepeatedEventError)
    assert untouched(tagged)
    tagged.listed = {"team-b"}
    assert deliver(forged()) is None
    assert engine(tagged.context).starts[-1] == ("delete_cluster", "team-a-000002")


@pytest.mark.parametrize("error", [Refused("AuthorizationFailed", "no"), Transient("later", 1.0)])
@pytest.mark.parametrize("method", ["list", "names"])
def test_nothing_is_ended_while_arm_does_not_say_what_exists(
    tagged: Installation, monkeypatch: pytest.MonkeyPatch, method: str, error: Exception
) -> None:
    built(tagged)
    if method == "names":
        tagged.group_error = Refused("AuthorizationFailed", "no")
        tagged.cluster_groups = frozenset({"team-a"})

    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(Installation, method, fail)
    assert isinstance(deliver(forged()), RepeatedEventError)
    assert untouched(tagged)
