"""The page's sessions in storage: how long they hold, and what is left of them."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from clients.page_session_store import LIFE
from clients.store import Store
from clients.time_limit import time_limit
from lab.simulation.clock import Clock
from lab.simulation.storage import Blobs

NOW = datetime.now(UTC)
MOMENT = timedelta(seconds=1)


@pytest.fixture
def blobs() -> Blobs:
    return Blobs(Clock(), Counter())


@pytest.fixture
def store(blobs: Blobs) -> Store:
    return Store(cast(Any, blobs))


def test_a_session_holds_for_eight_hours(store: Store) -> None:
    secret = store.begin_page_session(NOW)
    assert timedelta(hours=8) == LIFE
    assert store.has_page_session(secret, NOW)
    assert store.has_page_session(secret, NOW + LIFE - MOMENT)
    assert not store.has_page_session(secret, NOW + LIFE)


def test_each_session_has_a_secret_of_its_own_that_storage_does_not_have(
    store: Store, blobs: Blobs
) -> None:
    one, other = store.begin_page_session(NOW), store.begin_page_session(NOW)
    assert one != other
    assert len(blobs.content) == 2
    stored = "".join(name + data.decode() for name, (data, _) in blobs.content.items())
    assert one not in stored
    assert other not in stored
    store.end_page_session(one)
    assert not store.has_page_session(one, NOW)
    assert store.has_page_session(other, NOW)


@pytest.mark.parametrize("secret", ["", "x", "A" * 43, "A" * 42 + "\n", "../" + "A" * 40])
def test_other_texts_are_no_sessions_and_end_none(store: Store, blobs: Blobs, secret: str) -> None:
    store.begin_page_session(NOW)
    assert not store.has_page_session(secret, NOW)
    store.end_page_session(secret)
    assert len(blobs.content) == 1


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"ends_at": "later"}', b"\xff"])
def test_a_session_that_cannot_be_read_opens_nothing(
    store: Store, blobs: Blobs, data: bytes
) -> None:
    secret = store.begin_page_session(NOW)
    (name,) = blobs.content
    blobs.write(name, data)
    assert not store.has_page_session(secret, NOW)


def test_only_what_is_left_of_ended_sessions_is_deleted(store: Store, blobs: Blobs) -> None:
    ended, open_ = store.begin_page_session(NOW - LIFE - MOMENT), store.begin_page_session(NOW)
    blobs.write("clusters/demo/record.json", b"{}")
    old, _, record = blobs.content
    blobs.written |= {old: NOW - LIFE - MOMENT, record: NOW - 9 * LIFE}
    with time_limit(240):
        assert store.delete_ended_page_sessions(NOW) == 1
        assert store.delete_ended_page_sessions(NOW) == 0
    assert record in blobs.content
    assert store.has_page_session(open_, NOW)
    assert not store.has_page_session(ended, NOW)


def test_the_rest_is_for_the_next_call_if_the_time_is_short(store: Store, blobs: Blobs) -> None:
    store.begin_page_session(NOW - LIFE)
    blobs.written = dict.fromkeys(blobs.written, NOW - 2 * LIFE)
    with time_limit(1):
        assert store.delete_ended_page_sessions(NOW) == 0
