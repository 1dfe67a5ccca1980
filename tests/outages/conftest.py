"""Slipway's orchestrators on Microsoft's extension, with activities of the test's own, and hosts
and storage that fail. The in-memory engine has neither to lose."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from cluster import contracts
from cluster.contracts import Activity
from cluster.outcomes import Outcome
from lab.testing.azure_storage import azure  # noqa: F401 -- a fixture
from lab.testing.engines import extension_only  # noqa: F401 -- a fixture
from lab.testing.hosts import ExtensionHub
from tests.scripted import (
    Recorder,
    Run,
    Script,
    Scripted,
    all_well,
    planned,
    recorder,  # noqa: F401
)

type Record = Callable[[str, object], object]
# The activity in which a run of each phase stands when the fault comes.
PHASES: dict[str, Activity[Any, Any]] = {
    "plan": contracts.PLAN_CLUSTER,
    "preflight": contracts.CHECK_PREFLIGHT,
    "keys": contracts.ENSURE_KEYS,
    "network": contracts.START_DEPLOYMENT,
    "machines": contracts.POLL_DEPLOYMENTS,
    "nodes": contracts.PROBE_NODES,
    "playbook": contracts.POLL_PLAY,
    "remove": contracts.DRAIN_NODES,
    "verify": contracts.VERIFY_CLUSTER,
    "controller": contracts.STOP_CONTROLLER,
}


class Runs:
    """A run for each phase at once, each blocked in the activity of its phase until `release`."""

    def __init__(self, recorder: Recorder) -> None:  # noqa: F811
        self.app = Scripted()
        self.held: set[str] = set()
        self.release = threading.Event()
        self._lock = threading.Lock()
        all_well(self.app, recorder)
        self.app.script(contracts.PLAN_CLUSTER, lambda _: planned(leaving=1))
        for activity in PHASES.values():
            hold = partial(self._hold, activity, self.app.answering(activity))
            self.app.script(activity, hold)

    def start(self, host: ExtensionHub) -> None:
        self._runs = [Run(self.app, host, phase) for phase in PHASES]
        for run in self._runs:
            run.begin()
        until = time.monotonic() + 60
        while self.held != set(PHASES):
            assert time.monotonic() < until, f"only these came to their phase: {self.held}"
            time.sleep(0.1)

    def all_succeed(self, host: ExtensionHub, record: Record, seconds: float) -> None:
        """Every run ends as asked, in that time. What a phase's activity was executed for besides
        is recorded: at least once is promised, not once."""
        began = time.monotonic()
        for run in self._runs:
            run.hub = host
            left = began + seconds - time.monotonic()
            assert run.finish(left).get_output() == {"result": "succeeded"}, run.cluster
            record(f"{run.cluster}_seconds", round(time.monotonic() - began, 1))
        executed = Counter(
            (asked.cluster, name, asked.model_dump_json())
            for name, asked in self.app.calls
            if name == PHASES[asked.cluster].name
        )
        more = {f"{c}: {name}": count for (c, name, _), count in executed.items() if count > 1}
        record("executed_more_than_once", more)

    def _hold(self, activity: Activity[Any, Any], answer: Script, asked: Any) -> Outcome:
        phase = asked.cluster
        with self._lock:
            first = PHASES[phase] is activity and phase not in self.held
            if first:
                self.held.add(phase)
        if first:
            self.release.wait(120)
        return answer(asked)


@pytest.fixture
def runs(recorder: Recorder) -> Runs:  # noqa: F811
    return Runs(recorder)


@pytest.fixture
def record() -> Record:
    return lambda what, value: sys.stdout.write(f"{what}: {value}\n")
