"""The app's worker and its whole host die at random moments while callers launch, change, cancel
and remove clusters, and remove single nodes: every operation ends, nothing happens twice, nothing
is left without a record.

SLIPWAY_TEST_SEED repeats the random numbers of a run, and SLIPWAY_TEST_KILLS changes the number of
kills. The counts are printed (`pytest -rP`).
"""

import json
import os
import random
import secrets
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.testing.engines import CACHE, engine_name  # noqa: F401 -- a fixture
from tests.kills.audit import Audit
from tests.kills.callers import ApiCaller, Book, Caller, GroupCaller, NodeCaller
from tests.kills.installation import Installation, running_installation

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

# In-memory runs are lost with their host, so there only workers die.
KILLS = {"azure-storage": 150, "memory": 50}
KINDS = {"azure-storage": {"worker": 30, "engine": 1, "host": 1}, "memory": {"worker": 1}}
# How long the app answers at most before the next kill, in units of the time that it needed to
# answer again, so that a slow machine gets as far as a fast one. A few come before it answers.
PAUSE, SLOWEST_SECONDS, EARLY = 3.0, 4.0, 0.1
QUIET_SECONDS = 900.0
SHARED = "shared-by-teams"


def test_kills_at_random_moments_lose_nothing_repeat_nothing_and_leave_nothing(
    engine_name: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    seed = int(os.environ.get("SLIPWAY_TEST_SEED") or time.time_ns() % 1_000_000)
    kills = int(os.environ.get("SLIPWAY_TEST_KILLS") or KILLS[engine_name])
    _print("SLIPWAY_TEST_SEED", seed)
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
                killed = _kill(app, kills, KINDS[engine_name], _random(seed, 0))
            finally:
                book.over.set()
            for one in working:
                one.result()
        _print("kills", killed | {"seconds": round(time.monotonic() - began)})
        _quiet(audit, began)
        found = {
            "lost runs": audit.lost(),
            "shown and not running": audit.shown_and_not_running(),
            **{f"twice: {what}": wrong for what, wrong in audit.duplicates().items()},
            **{f"orphans: {what}": wrong for what, wrong in audit.orphans().items()},
        }
        book.over.clear()
        with ThreadPoolExecutor(len(callers)) as pool:
            list(pool.map(lambda caller: caller.end(), callers))
        _quiet(audit, began)
        found["left after the removals"] = audit.left()
        found["lost runs"] += audit.lost()
        superseded = audit.superseded()
        _print("seconds", round(time.monotonic() - began))
        _print("did", book.done)
        _print("answers", book.answers)
        _print("effects", audit.counted())
        _print("ends", audit.ends())
        _print("after a newer claim", superseded)
        _print("wrong", {what: len(wrong) for what, wrong in found.items()})
        assert {what: wrong for what, wrong in found.items() if wrong} == {}
        assert superseded["begun and done"] == 0
        assert sum(killed.values()) == kills


def _random(seed: int, number: int) -> random.Random:
    return random.Random(f"{seed}-{number}")  # noqa: S311 -- moments and steps, no secrets


def _callers(app: Installation, book: Book, seed: int) -> list[Caller]:
    groups = ("", "", SHARED, SHARED)
    made: list[Caller] = [
        ApiCaller(app, number, _random(seed, number), book, group)
        for number, group in enumerate(groups, 1)
    ]
    made += [GroupCaller(app, number, _random(seed, number), book) for number in (5, 6)]
    return [*made, NodeCaller(app, 7, _random(seed, 7), book)]


def _until_over(caller: Caller, over: threading.Event) -> None:
    while not over.is_set():
        caller.work()


def _kill(
    app: Installation, count: int, kinds: dict[str, int], chance: random.Random
) -> Counter[str]:
    """Kills and returns how often it killed what."""
    killed: Counter[str] = Counter()
    started = 1.0
    for _ in range(count):
        if chance.random() > EARLY:
            started = min(app.await_answer(), SLOWEST_SECONDS)
        time.sleep(chance.uniform(0.0, PAUSE * started))
        kind = chance.choices(list(kinds), list(kinds.values()))[0]
        if kind == "worker":
            app.host.kill_worker()
        elif kind == "engine":
            app.host.kill_program()
        else:
            app.host.kill()
            app.host.start()
        killed[kind] += 1
    return killed


def _quiet(audit: Audit, began: float) -> None:
    """Waits until no record is busy."""
    until = time.monotonic() + QUIET_SECONDS
    while going_on := audit.going_on():
        assert time.monotonic() < until, f"never quiet: {going_on}"
        time.sleep(1.0)
    _print("quiet after", round(time.monotonic() - began))


def _print(what: str, value: object) -> None:
    sys.stdout.write(f"{what}: {json.dumps(value)}\n")
