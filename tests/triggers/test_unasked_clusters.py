"""A tag write starts no cluster that nobody asked for, after the group's record is gone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.errors import Refused
from cluster import names
from runs.claims import claim_delete, claim_reconcile
from tests.runs.memory import MemoryBlobs, engine, spec
from tests.triggers.test_group_clusters import (
    app,
    deliver,
    finish,
    gone,
    starts,
    tagged,
    told,
    written,
)
from tests.triggers.test_groups import Installation
from triggers import aging as timer

__all__ = ["app", "tagged"]

YEAR = timedelta(days=365)


def removed_by_the_api(app: Installation) -> None:
    """A cluster that the API made in group `team-a` and removed."""
    made = spec().model_copy(update={"name": "team-a", "resource_group": "team-a"})
    claim_reconcile(app.context, made, "ada")
    finish(app, "team-a")
    claim_delete(app.context, "team-a", "ada")
    finish(app, "team-a")
    engine(app.context).states.clear()


def age(app: Installation, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Lets everything become old and runs the timer. Returns whether the record is there."""
    monkeypatch.setattr(timer, "services", lambda: app)
    monkeypatch.setattr(timer, "DurableEngine", lambda _: app.context.engine)
    blobs: Any = app.store.blobs
    assert isinstance(blobs, MemoryBlobs)
    blobs.written = dict.fromkeys(blobs.written, datetime.now(UTC) - 2 * YEAR)
    nothing: Any = None
    timer.remove_old_records(nothing, nothing)
    return app.store.record("team-a") is not None


@pytest.mark.parametrize("key", ["slipway", "SlipWay"])
def test_a_removed_cluster_of_the_api_is_remembered_while_its_group_has_a_tag(
    tagged: Installation, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    removed_by_the_api(tagged)
    tagged.tag_key, before = key, starts(tagged)
    assert age(tagged, monkeypatch)
    for _ in range(2):
        assert deliver(written()) is None
    assert starts(tagged) == before
    (text,) = told(tagged, "team-a")
    assert "was removed, and the group was not deleted since" in text
    assert len(tagged.posts) == 1


def test_it_is_remembered_too_while_the_group_cannot_be_read(
    tagged: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed_by_the_api(tagged)
    tagged.group_error = Refused("AuthorizationFailed", "no")
    assert age(tagged, monkeypatch)


@pytest.mark.parametrize("there", [True, False])
def test_it_is_forgotten_in_a_group_without_the_tag_and_a_new_tag_then_asks_for_a_cluster(
    tagged: Installation, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    removed_by_the_api(tagged)
    tagged.gone, tag = not there, tagged.tag
    tagged.tag = ""
    assert not age(tagged, monkeypatch)
    tagged.gone, tagged.tag = False, tag
    before = len(starts(tagged))
    assert deliver(written()) is None
    assert len(starts(tagged)) == before + 1


def test_the_group_is_asked_only_for_what_would_go(
    tagged: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A timer that asks for every group of every cluster would not end in time."""
    made = spec().model_copy(update={"name": "team-a", "resource_group": "team-a"})
    claim_reconcile(tagged.context, made, "ada")
    finish(tagged, "team-a")
    asked: list[str] = []
    monkeypatch.setattr(Installation, "get", lambda _, name: asked.append(name))
    assert age(tagged, monkeypatch)
    assert asked == []


def test_a_tag_starts_nothing_where_a_record_was_forgotten_and_tells_it_once(
    tagged: Installation,
) -> None:
    tagged.store.blobs.write(names.record_blob("team-a"), b"{")
    assert tagged.store.forget_record("team-a")
    for _ in range(3):
        assert deliver(written()) is None
    assert starts(tagged) == []
    (text,) = told(tagged, "team-a")
    assert "was forgotten" in text
    assert "adopt=true" in text
    assert len(tagged.posts) == 1
    # Another group is served.
    assert deliver(written("team-ab")) is None
    assert starts(tagged) == ["team-ab-000001"]


def test_a_cluster_of_the_api_ends_the_doubt_about_a_forgotten_record(
    tagged: Installation,
) -> None:
    tagged.store.blobs.write(names.record_blob("team-a"), b"{")
    assert tagged.store.forget_record("team-a")
    removed_by_the_api(tagged)
    tagged.gone = True
    assert deliver(gone()) is None
    tagged.gone = False
    before = len(starts(tagged))
    assert deliver(written()) is None
    assert len(starts(tagged)) == before + 1
