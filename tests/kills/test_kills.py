"""The app's worker and its whole host die at random moments while callers launch, change, cancel
and remove clusters, and remove single nodes: every operation ends, nothing happens twice, nothing
is left without a record.

SLIPWAY_TEST_SEED repeats the random numbers of a run, and SLIPWAY_TEST_KILLS changes the number of
kills. The counts are printed (`pytest -rP`).
"""

import os
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.testing.engines import CACHE, engine_name  # noqa: F401 -- a fixture
from tests.kills.audit import Audit
from tests.kills.callers import ApiCaller, Book, Caller, GroupCaller, NodeCaller
from tests.kills.installation import Installation, running_installation
from tests.kills.killing import KINDS, await_quiet, kill, random_of, show

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

KILLS = {"azure-storage": 150, "memory": 50}
SHARED = "shared-by-teams"


def test_kills_at_random_moments_lose_nothing_repeat_nothing_and_leave_nothing(
    engine_name: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    seed = int(os.environ.get("SLIPWAY_TEST_SEED") or time.time_ns() % 1_000_000)
    kills = int(os.environ.get("SLIPWAY_TEST_KILLS") or KILLS[engine_name])
    show("SLIPWAY_TEST_SEED", seed)
    engine = {
        "engine": engine_name,
        "cache": str(CACHE),
        "durable": {"hubName": f"t{secrets.token_hex(8)}"},
    }
    with running_installation(tmp_path, engine) as app:
        book = Book()
        audit = Audit(app, book)
        app.services.groups.create(SHARED, "westeurope", {"team": "another"})
        callers = _callers(app, book, seed)
        began = time.monotonic()
        with ThreadPoolExecutor(len(callers)) as pool:
            working = [pool.submit(_until_over, caller, book.over) for caller in callers]
            try:
                killed = kill(app, kills, KINDS[engine_name], random_of(seed, 0))
            finally:
                book.over.set()
            for one in working:
                one.result()
        show("kills", killed | {"seconds": round(time.monotonic() - began)})
        await_quiet(audit, began)
        found = {
            "lost runs": audit.lost(),
            "shown and not running": audit.shown_and_not_running(),
            **{f"twice: {what}": wrong for what, wrong in audit.duplicates().items()},
            **{f"orphans: {what}": wrong for what, wrong in audit.orphans().items()},
        }
        book.over.clear()
        with ThreadPoolExecutor(len(callers)) as pool:
            list(pool.map(lambda caller: caller.end(), callers))
        await_quiet(audit, began)
        found["left after the removals"] = audit.left()
        found["lost runs"] += audit.lost()
        superseded = audit.superseded()
        show("seconds", round(time.monotonic() - began))
        show("did", book.done)
        show("answers", book.answers)
        show("effects", audit.counted())
        show("ends", audit.ends())
        show("after a newer claim", superseded)
        show("wrong", {what: len(wrong) for what, wrong in found.items()})
        assert {what: wrong for what, wrong in found.items() if wrong} == {}
        assert superseded["begun and done"] == 0
        assert sum(killed.values()) == kills


def _callers(app: Installation, book: Book, seed: int) -> list[Caller]:
    groups = ("", "", SHARED, SHARED)
    made: list[Caller] = [
        ApiCaller(app, number, random_of(seed, number), book, group)
        for number, group in enumerate(groups, 1)
    ]
    made += [GroupCaller(app, number, random_of(seed, number), book) for number in (5, 6)]
    return [*made, NodeCaller(app, 7, random_of(seed, 7), book)]


def _until_over(caller: Caller, over: threading.Event) -> None:
    while not over.is_set():
        caller.work()
