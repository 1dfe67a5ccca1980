"""Kills at random moments, and what the tests print of them."""

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable

from tests.kills.audit import Audit
from tests.kills.installation import Installation

# In-memory runs are lost with their host, so there only workers die.
KINDS = {"azure-storage": {"worker": 30, "engine": 1, "host": 1}, "memory": {"worker": 1}}
# How long the app answers at most before the next kill, in units of the time that it needed to
# answer again, so that a slow machine gets as far as a fast one. A few come before it answers.
PAUSE, SLOWEST_SECONDS, EARLY = 3.0, 4.0, 0.1
QUIET_SECONDS = 900.0


def random_of(seed: int, number: int) -> random.Random:
    return random.Random(f"{seed}-{number}")  # noqa: S311 -- moments and steps, no secrets


def kill(
    app: Installation,
    count: int,
    kinds: dict[str, int],
    chance: random.Random,
    before: Callable[[], None] = lambda: None,
) -> Counter[str]:
    """Kills and returns how often it killed what. `before`: called before each kill."""
    killed: Counter[str] = Counter()
    started = 1.0
    for _ in range(count):
        if chance.random() > EARLY:
            started = min(app.await_answer(), SLOWEST_SECONDS)
        time.sleep(chance.uniform(0.0, PAUSE * started))
        kind = chance.choices(list(kinds), list(kinds.values()))[0]
        before()
        if kind == "worker":
            app.host.kill_worker()
        elif kind == "engine":
            app.host.kill_program()
        else:
            app.host.kill()
            app.host.start()
        killed[kind] += 1
    return killed


def await_quiet(audit: Audit, began: float) -> None:
    """Waits until no record is busy."""
    until = time.monotonic() + QUIET_SECONDS
    while going_on := audit.going_on():
        assert time.monotonic() < until, f"never quiet: {going_on}"
        time.sleep(1.0)
    show("quiet after", round(time.monotonic() - began))


def show(what: str, value: object) -> None:
    sys.stdout.write(f"{what}: {json.dumps(value)}\n")
