"""As many activities run at once as host.json allows, and a turn waits for none of them.

The worker is started as on one CPU: the pool of Microsoft's library has five threads then.
"""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import pytest
import requests
from durabletask.client import TaskHubGrpcClient

from lab.host.main import FunctionsHost
from lab.paths import ROOT
from lab.tests.host.rows import KEYS
from triggers import thread_pools

APP = ROOT / "benchmarks" / "slow_app"
DURABLE = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))["extensions"]["durableTask"]
ACTIVITIES = DURABLE["maxConcurrentActivityFunctions"]


class Slow:
    """The host, and how many functions of a kind have begun and wait."""

    def __init__(self, folder: Path, engine: dict[str, Any]) -> None:
        self.folder = folder
        settings = {"SLOW_FOLDER": str(folder), "PYTHON_CPU_COUNT": "1"}
        config = {"app": str(APP), "settings": settings, "keys": KEYS, "logs": str(folder)}
        limits = {name: DURABLE[name] for name in DURABLE if name.startswith("maxConcurrent")}
        durable = engine.get("durable", {}) | limits
        self.host = FunctionsHost(config | engine | {"durable": durable})
        self.host.start()
        self.client = TaskHubGrpcClient(host_address=self.host.hub.address)

    def await_begun(self, kind: str, count: int) -> None:
        for _ in range(3000):
            if len(list(self.folder.glob(f"{kind}-*"))) >= count:
                return
            time.sleep(0.02)
        found = len(list(self.folder.glob(f"{kind}-*")))
        raise AssertionError(f"{found} of {count} began")

    def output(self, name: str, payload: dict[str, Any]) -> Any:
        return self.ended(self.client.schedule_new_orchestration(name, input=payload))

    def ended(self, instance: str) -> Any:
        state = self.client.wait_for_orchestration_completion(instance, timeout=60)
        assert state is not None
        return json.loads(state.serialized_output or "null")

    def get(self, _: int) -> str:
        headers = {"x-functions-key": KEYS["function"]}
        return requests.get(f"{self.host.url}/api/wait", headers=headers, timeout=120).text

    def let_go(self) -> None:
        (self.folder / "go").touch()


@pytest.fixture(scope="module")
def running(
    engine_config: Callable[[], dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Slow]:
    made = Slow(tmp_path_factory.mktemp("slow"), engine_config())
    yield made
    made.client.close()
    made.host.end()


@pytest.fixture
def slow(running: Slow) -> Iterator[Slow]:
    for left in (*running.folder.glob("activity-*"), *running.folder.glob("request-*")):
        left.unlink()
    (running.folder / "go").unlink(missing_ok=True)
    yield running
    running.let_go()


def test_the_pool_has_as_many_threads_as_the_host_gives_activities() -> None:
    assert thread_pools.ACTIVITY_THREADS == ACTIVITIES
    assert thread_pools.activities._max_workers == ACTIVITIES


def test_a_turn_is_answered_while_all_activities_run(slow: Slow) -> None:
    instance = slow.client.schedule_new_orchestration("many", input={"n": ACTIVITIES})
    slow.await_begun("activity", ACTIVITIES)
    assert slow.output("turn", {"n": 7}) == {"n": 7}
    slow.let_go()
    assert slow.ended(instance) == ["activity"] * ACTIVITIES


def test_a_turn_and_an_activity_are_answered_while_requests_wait(slow: Slow) -> None:
    count = thread_pools.REQUEST_THREADS
    with ThreadPoolExecutor(count) as callers:
        answers = callers.map(slow.get, range(count))
        slow.await_begun("request", count)
        assert slow.output("one", {}) == "quick"
        slow.let_go()
        assert list(answers) == ["request"] * count


def test_what_a_function_logs_in_its_thread_is_the_functions(slow: Slow) -> None:
    """The host finds the invocation, and lets the line through at the level of functions."""
    assert slow.output("one", {}) == "quick"
    assert "INFO Function.quick.User served quickly\n" in (slow.folder / "worker.log").read_text()


def test_every_function_of_the_app_is_awaited_by_the_worker(functions: list[Any]) -> None:
    """A synchronous one would take a thread from the turns."""
    called = {f.get_function_name(): f.get_user_function() for f in functions}
    assert [name for name, function in called.items() if not iscoroutinefunction(function)] == []
