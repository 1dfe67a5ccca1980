"""The app's worker and its whole host die at random moments of everything that is done to a cluster
that lives: upgrades, removals, replacements, maintenances with restarts, rotations, growth and
restores. Each ends as it was asked for, and does nothing twice.

SLIPWAY_TEST_SEED repeats the random numbers of a run, and SLIPWAY_TEST_KILLS changes the number of
kills. The counts are printed (`pytest -rP`).
"""

import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.testing.engines import CACHE, engine_name  # noqa: F401 -- a fixture
from tests.kills.audit import Audit
from tests.kills.callers import Book
from tests.kills.installation import Installation, notes, running_installation
from tests.kills.killing import KINDS, await_quiet, kill, random_of, show
from tests.kills.operations import EVERY, OperationCaller, RemovalCaller, UpgradeCaller

KILLS = {"azure-storage": 100, "memory": 50}
FEW, SEED = 4, 1


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_kills_at_random_moments_of_every_operation(
    engine_name: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    seed = int(os.environ.get("SLIPWAY_TEST_SEED") or time.time_ns() % 1_000_000)
    kills = int(os.environ.get("SLIPWAY_TEST_KILLS") or KILLS[engine_name])
    _kill_operations(engine_name, tmp_path, EVERY, kills=kills, seed=seed)


@pytest.mark.timeout(900)
def test_a_few_kills_of_an_upgrade_and_of_a_removal(tmp_path: Path) -> None:
    """At the same moments each time, on the engine that needs no program."""
    callers = (UpgradeCaller, RemovalCaller)
    _kill_operations("memory", tmp_path, callers, kills=FEW, seed=SEED)


def _kill_operations(
    engine: str, folder: Path, kinds: Sequence[type[OperationCaller]], *, kills: int, seed: int
) -> None:
    show("SLIPWAY_TEST_SEED", seed)
    config = {
        "engine": engine,
        "cache": str(CACHE),
        "durable": {"hubName": f"t{secrets.token_hex(8)}"},
    }
    with running_installation(folder, config) as app:
        book = Book()
        audit = Audit(app, book)
        callers = [
            kind(app, number, random_of(seed, number), book) for number, kind in enumerate(kinds, 1)
        ]
        hit = Counter[str]()
        with ThreadPoolExecutor(len(callers)) as pool:
            for _ in pool.map(lambda one: one.prepare(), callers):
                pass
            began = time.monotonic()
            working = [pool.submit(_until_over, caller, book.over) for caller in callers]
            try:
                killed = kill(
                    app,
                    kills,
                    KINDS[engine],
                    random_of(seed, 0),
                    lambda: hit.update(one.doing for one in callers if one.doing),
                )
            finally:
                book.over.set()
            for one in working:
                one.result()
        show("kills", killed | {"seconds": round(time.monotonic() - began)})
        await_quiet(audit, began)
        wrong = {
            "operations": [text for one in callers for text in one.wrong],
            "lost runs": audit.lost(),
            "shown and not running": audit.shown_and_not_running(),
            **{f"twice: {what}": found for what, found in audit.duplicates().items()},
            **{f"orphans: {what}": found for what, found in audit.orphans().items()},
        }
        superseded = audit.superseded()
        show("kills during", hit)
        show("killed executions", _killed(app))
        show("stories", {one.kind: one.stories for one in callers})
        show("did", book.done)
        show("effects", audit.counted())
        show("ends", audit.ends())
        show("after a newer claim", superseded)
        show("wrong", {what: len(found) for what, found in wrong.items()})
        assert {what: found for what, found in wrong.items() if found} == {}
        assert superseded["begun and done"] == 0
        assert sum(killed.values()) == kills
        missed = [one.kind for one in callers if not any(one.kind in kind for kind in hit)]
        assert not missed, hit


def _until_over(caller: OperationCaller, over: threading.Event) -> None:
    while not over.is_set() or not caller.stories:
        caller.work()


def _killed(app: Installation) -> dict[str, int]:
    """Returns how often an activity was executed when its worker died, by the activity."""
    lines = [line for line in notes(app) if line["kind"] != "saved"]
    ended = {line["execution"] for line in lines if line["kind"] == "ended"}
    return Counter(
        line["activity"]
        for line in lines
        if line["kind"] == "began" and line["execution"] not in ended
    )
