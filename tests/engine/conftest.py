"""A run in which everything goes well, until a test scripts otherwise; all on one hub."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from dev.paths import ROOT
from lab.testing.engines import (
    OpenHub,
    durable_storage,  # noqa: F401 -- a fixture, as the next three
    engine_config,  # noqa: F401
    extension_long,  # noqa: F401
    open_hub,  # noqa: F401
)
from lab.testing.hosts import ExtensionHub, MemoryHub
from tests.scripted import Recorder, Run, Scripted, Shared, all_well, recorder  # noqa: F401

GENERATIONS = itertools.count(1)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shortest pause is for real backends; `tests/orchestrators/test_waiting.py` tests it."""
    monkeypatch.setattr("orchestrators.waiting.SHORTEST_SECONDS", 0.01)
    monkeypatch.setattr("orchestrators.waiting.TRUNCATED_SECONDS", 0.0)


@pytest.fixture(scope="package")
def shared(open_hub: OpenHub) -> Iterator[tuple[Shared, MemoryHub | ExtensionHub]]:  # noqa: F811
    app = Shared()
    with open_hub(app, ROOT / "host.json") as hub:
        yield app, hub


@pytest.fixture
def new_run(
    shared: tuple[Shared, MemoryHub | ExtensionHub],
    recorder: Recorder,  # noqa: F811
) -> Callable[[], Run]:
    def make() -> Run:
        (apps, hub), app = shared, Scripted()
        all_well(app, recorder)
        made = Run(app, hub, generation=next(GENERATIONS))
        apps.apps[made.instance] = app
        return made

    return make


@pytest.fixture
def run(new_run: Callable[[], Run]) -> Run:
    return new_run()
