"""pytest plugin: how tests are divided between processes (`-n 2`, pytest-xdist). Without `-n`, it
only checks the list below.

What is set up once is used in one process: the tests of a file stay together, so do those of a
folder that shares a hub, and all tests that make machines run one after another.
"""

import os
import secrets
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler.loadscope import LoadScopeScheduling

# The tests marked `lab`. Each of them needs much of the machine.
MACHINES = (
    "tests/lab/",
    "tests/kubernetes/",
    "tests/playbooks/test_kernel_state.py",
    "lab/tests/machines/",
)
# Folders whose tests share a hub for each engine. They take minutes, so they start early.
SHARED = ("lab/tests/engines/", "tests/engine/")
# How long a process that was interrupted may take to remove what its tests have made.
CLEAN_UP_SECONDS = 120


def group_of(node_id: str) -> str:
    """Returns the name of the tests that run in one process, one after another."""
    file = node_id.partition("::")[0]
    if file.startswith(MACHINES):
        return "machines"
    return next((folder for folder in SHARED if file.startswith(folder)), file)


def pytest_configure(config: pytest.Config) -> None:
    if _is_worker(config):
        # A terminal's Ctrl-C reaches the first process alone, and this one once, through it.
        os.setpgid(0, 0)
    elif config.getoption("numprocesses", None):
        # All processes have to collect the same tests, those made from sets too.
        os.environ.setdefault("PYTHONHASHSEED", str(secrets.randbelow(2**32)))
        config.pluginmanager.register(Interrupts())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("lab") and group_of(item.nodeid) != "machines":
            raise pytest.UsageError(f"{item.nodeid} is marked lab: add it to {__name__}.MACHINES")


@pytest.hookimpl(trylast=True, specname="pytest_collection_modifyitems")
def pytest_longest_first(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Moves the groups that take longest to the front, so that none begins when the rest ends."""
    if _is_worker(config):
        first = ("machines", *SHARED)
        order = {group: position for position, group in enumerate(first)}
        items.sort(key=lambda item: order.get(group_of(item.nodeid), len(order)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "LoadScopeScheduling":
    from xdist.scheduler.loadscope import LoadScopeScheduling  # noqa: PLC0415 -- only with -n

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    config.option.loadscopereorder = False
    return Groups(config, log)


class Interrupts:
    """Passes Ctrl-C on to the other processes."""

    def __init__(self) -> None:
        self._running: dict[int, Any] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        self._running[node.gateway._rinfo().pid] = node

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._running = {pid: each for pid, each in self._running.items() if each is not node}

    def pytest_keyboard_interrupt(self) -> None:
        """Interrupts the other processes and what they have started, as a terminal does, and waits
        until their fixtures have ended. pytest-xdist itself kills a process after some seconds."""
        for pid in self._running:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGINT)
        for node in self._running.values():
            with suppress(node.channel.RemoteError, node.channel.TimeoutError, OSError, EOFError):
                node.channel.waitclose(CLEAN_UP_SECONDS)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
