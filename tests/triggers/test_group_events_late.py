"""Deletion events that come late or repeatedly: they never end what began after them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.errors import Refused
from cluster.spec_rules import parse_spec
from runs.backup_claims import claim_backup
from runs.claims import claim_reconcile
from tests.runs.memory import engine
from tests.triggers.test_group_clusters import finish, gone, tagged, written
from tests.triggers.test_groups import Installation, app, deliver
from triggers.groups import RepeatedEventError

__all__ = ["app", "tagged"]

RECONCILE = ("reconcile_cluster", "team-a-000001")
REMOVAL = ("delete_cluster", "team-a-000002")


def hide(app: Installation, answer: str) -> None:
    """Makes ARM answer as if the group did not exist, or as if it may not be read."""
    app.gone = answer == "404"
    if answer == "403":
        app.group_error = Refused("AuthorizationFailed", "no", place="resource group team-a")
        # Where the app's roles are assigned to groups.
        app.cluster_groups = frozenset({"team-a"})


@pytest.mark.parametrize("answer", ["403", "404"])
@pytest.mark.parametrize("ended", [True, False])
def test_an_older_deletion_does_not_end_a_cluster_whose_group_is_not_seen(
    tagged: Installation, answer: str, *, ended: bool
) -> None:
    before = datetime.now(UTC) - timedelta(seconds=30)
    assert deliver(written()) is None
    if ended:
        finish(tagged, "team-a")
    hide(tagged, answer)
    for _ in range(2):
        assert deliver(gone(time=before)) is None
    assert engine(tagged.context).starts == [RECONCILE]
    assert not tagged.store.need_record("team-a")[0].group_deleted


@pytest.mark.parametrize("backups", [1, 2])
def test_a_backup_that_began_after_the_deletion_does_not_keep_its_cluster(
    tagged: Installation, backups: int
) -> None:
    """A launch creates the group again, a backup does not."""
    assert deliver(written()) is None
    finish(tagged, "team-a")
    deleted_at = datetime.now(UTC)
    for _ in range(backups):
        assert claim_backup(tagged.context, "team-a", "ada") is not None
        finish(tagged, "team-a")
    hide(tagged, "404")
    assert deliver(gone(time=deleted_at)) is None
    assert engine(tagged.context).starts[-1][0] == "delete_cluster"


def test_a_backup_does_not_let_an_older_deletion_end_its_cluster(tagged: Installation) -> None:
    before = datetime.now(UTC) - timedelta(seconds=30)
    assert deliver(written()) is None
    finish(tagged, "team-a")
    assert claim_backup(tagged.context, "team-a", "ada") is not None
    finish(tagged, "team-a")
    hide(tagged, "404")
    assert deliver(gone(time=before)) is None
    assert engine(tagged.context).starts[-1][0] == "backup_cluster"


def test_a_deletion_without_a_time_is_sent_again_while_the_group_cannot_be_read(
    tagged: Installation,
) -> None:
    assert deliver(written()) is None
    finish(tagged, "team-a")
    hide(tagged, "403")
    assert isinstance(deliver(gone()), RepeatedEventError)
    assert engine(tagged.context).starts == [RECONCILE]


@pytest.mark.parametrize("answer", ["403", "404"])
def test_a_repeated_deletion_starts_the_removal_whose_start_was_lost(
    tagged: Installation, answer: str
) -> None:
    """The removal was claimed after the deletion, which is what started it."""
    assert deliver(written()) is None
    record, etag = finish(tagged, "team-a"), tagged.store.need_record("team-a")[1]
    assert record.operation is not None
    hours_ago = datetime.now(UTC) - timedelta(hours=2)
    begun = record.operation.model_copy(update={"started_at": hours_ago.isoformat()})
    tagged.store.save_record(record.model_copy(update={"operation": begun}), etag)
    hide(tagged, answer)
    engine(tagged.context).lose_next = True
    event = gone(time=hours_ago + timedelta(hours=1))
    assert deliver(event) is None
    assert engine(tagged.context).starts == [RECONCILE]
    assert deliver(event) is None
    assert engine(tagged.context).starts == [RECONCILE, REMOVAL]


def claim_before(app: Installation, monkeypatch: pytest.MonkeyPatch, read: int) -> None:
    """Makes another caller claim a run of the cluster just before the record is read so often."""
    record, reads = app.store.record, list[str]()
    document = app.store.need_record("team-a")[0].spec
    wanted = parse_spec({**document, "workers": [{"name": "more", "count": 1}]})

    def racing(name: str) -> Any:
        reads.append(name)
        if len(reads) == read:
            monkeypatch.setattr(app.store, "record", record)
            claim_reconcile(app.context, wanted, "ada")
        return record(name)

    monkeypatch.setattr(app.store, "record", racing)


def test_a_deletion_does_not_end_a_run_that_was_claimed_meanwhile(
    tagged: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert deliver(written()) is None
    finish(tagged, "team-a")
    hide(tagged, "404")
    event = gone(time=datetime.now(UTC) + timedelta(milliseconds=1))
    save = tagged.store.save_record

    def saving(record: Any, etag: str) -> str:
        """Lets the claim of another caller come right after the note that the group is gone."""
        monkeypatch.setattr(tagged.store, "save_record", save)
        new = save(record, etag)
        claim_before(tagged, monkeypatch, 1)
        return new

    monkeypatch.setattr(tagged.store, "save_record", saving)
    assert isinstance(deliver(event), RepeatedEventError)
    assert engine(tagged.context).starts == [RECONCILE, ("reconcile_cluster", "team-a-000002")]
    assert engine(tagged.context).raised == []
    assert tagged.store.need_record("team-a")[0].state == "running"


def test_a_tag_does_not_end_a_run_that_was_claimed_meanwhile(
    tagged: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record that was judged says that the group was deleted; the new run made it again."""
    assert deliver(written()) is None
    record, etag = finish(tagged, "team-a"), tagged.store.need_record("team-a")[1]
    tagged.store.save_record(record.model_copy(update={"group_deleted": True}), etag)
    claim_before(tagged, monkeypatch, 3)  # the group's two names, then the removal's own look
    assert isinstance(deliver(written()), RepeatedEventError)
    assert engine(tagged.context).starts == [RECONCILE, ("reconcile_cluster", "team-a-000002")]
    assert engine(tagged.context).raised == []
