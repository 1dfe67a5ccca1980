"""The engines that tests run on, and hubs whose app consists of the test's own functions, in this
process.

A conftest or a test imports the fixtures by their names.
"""

import json
import secrets
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import pytest
from azure.durable_functions.worker import DurableFunctionsWorker
from durabletask.client import OrchestrationState, TaskHubGrpcClient

from lab.control import CACHE
from lab.host import ENGINES
from lab.host.azure_storage import ExtensionHub
from lab.host.executions import Executions
from lab.host.hub import Functions, Hub, HubOptions
from lab.host.memory import MemoryHub
from lab.host.pool import FunctionFailedError, WorkerLostError
from lab.host.program import ProgramError, ensure_program, find_origin
from lab.testing.azurite import running_azurite
from lab.testing.gate import StorageGates

KEYS = {name: f"{name}-key" for name in ("function", "master", "durableTask", "eventGrid")}
LONG_ON_EXTENSION = ["memory", pytest.param("azure-storage", marks=pytest.mark.long)]


@pytest.fixture(scope="session", params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    if request.param != "memory":
        need_program()
    return request.param


@pytest.fixture(name="engine_name", scope="session", params=["azure-storage"])
def extension_only(request: pytest.FixtureRequest) -> str:
    """Replaces `engine_name` in tests of behaviour that the in-memory engine does not have."""
    need_program()
    return request.param


@pytest.fixture(name="engine_name", scope="session", params=LONG_ON_EXTENSION)
def extension_long(request: pytest.FixtureRequest) -> str:
    """Replaces `engine_name` in tests that each take seconds on the extension. Tests marked ON_BOTH
    always run on both engines."""
    if request.param != "memory":
        need_program()
    return request.param


ON_BOTH = pytest.mark.parametrize("engine_name", ENGINES, indirect=True)
ON_EXTENSION = pytest.mark.parametrize("engine_name", ["azure-storage"], indirect=True)


def need_program() -> None:
    if why := why_missing():
        pytest.skip(why)


@cache
def why_missing() -> str:
    """Returns why functions-host is not available, or an empty string. A .NET SDK that cannot build
    it only skips the tests; an archive that cannot be unpacked fails them."""
    try:
        if find_origin().kind == "source":
            ensure_program(CACHE, lambda _: None)
    except ProgramError as error:
        return " ".join(str(error).split())
    return ""


@pytest.fixture(scope="session")
def durable_storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yields a connection string of Azurite with blobs, queues and tables."""
    with running_azurite(tmp_path_factory.mktemp("azurite"), durable=True) as storage:
        yield storage


@pytest.fixture(scope="session")
def engine_config(engine_name: str, request: pytest.FixtureRequest) -> Callable[[], dict[str, Any]]:
    """Returns a function that makes the engine part of a host's configuration, with a new hub each
    time."""

    def make() -> dict[str, Any]:
        if engine_name == "memory":
            return {"engine": engine_name}
        storage = request.getfixturevalue("durable_storage")
        return {
            "engine": engine_name,
            "storage": storage,
            "cache": str(CACHE),
            "durable": {"hubName": f"t{secrets.token_hex(8)}"},
        }

    return make


class OpenHub(Protocol):
    def __call__(
        self,
        app: Functions,
        host_json: Path,
        *,
        through: Callable[[str], str] = ...,
        **durable: Any,
    ) -> AbstractContextManager[MemoryHub | ExtensionHub]: ...


@pytest.fixture(scope="session")
def open_hub(
    engine_config: Callable[[], dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> OpenHub:
    """Returns a function that starts a hub. `through` changes its storage's connection string;
    other keywords override host.json's section for the hub."""

    @contextmanager
    def opened(
        app: Functions, host_json: Path, *, through: Callable[[str], str] = str, **durable: Any
    ) -> Iterator[MemoryHub | ExtensionHub]:
        config = engine_config()
        program = None
        if config["engine"] != "memory":
            program = ensure_program(CACHE, lambda _: None)
        options = HubOptions(
            host_json=host_json,
            logs=tmp_path_factory.mktemp("hub"),
            keys=KEYS,
            durable=config.get("durable", {}) | durable,
            program=program,
            storage=through(config.get("storage", "")),
        )
        kind = ExtensionHub if program else MemoryHub
        hub = kind(app, Executions(), options)
        hub.start()
        try:
            yield hub
        finally:
            # Tests need no draining.
            hub.kill() if isinstance(hub, ExtensionHub) else hub.end()

    return opened


@contextmanager
def engine_away(hub: Hub, gates: StorageGates) -> Iterator[None]:
    """Makes the engine unavailable while the block runs. The in-memory engine answers nothing; the
    extension continues without queues and tables."""
    memory = hub.engine if isinstance(hub, MemoryHub) else None
    if memory:
        memory.away = True
    else:
        assert len(gates) == 2
    gates.shut()
    try:
        yield
    finally:
        gates.open()
        if memory:
            memory.away = False


class InProcess:
    """An app that consists of functions of this process. An activity may raise WorkerLostError to
    simulate the death of its worker."""

    def __init__(
        self,
        orchestrators: Mapping[str, Callable[[Any, Any], Any]],
        activities: Mapping[str, Callable[[Any], Any]],
    ) -> None:
        self._orchestrators, self._activities = orchestrators, activities
        # Orchestrators whose worker dies during their next turn.
        self.dying: set[str] = set()
        self._workers = {name: DurableFunctionsWorker() for name in orchestrators}
        self.functions = [
            *(_described(name, "OrchestrationTrigger", "context") for name in orchestrators),
            *(_described(name, "ActivityTrigger", "payload") for name in activities),
        ]

    def ask(self, kind: str, function: str, payload: Any, client: str = "") -> Any:
        del client
        if kind == "orchestration" and function in self.dying:
            self.dying.remove(function)
            raise WorkerLostError
        try:
            if kind == "orchestration":
                return self._workers[function].execute_orchestration_request(
                    self._orchestrators[function], payload
                )
            return json.dumps(self._activities[function](json.loads(payload)))
        except WorkerLostError:
            raise
        except Exception as error:
            told = {"type": type(error).__name__, "message": str(error)}
            raise FunctionFailedError(told | {"stack": traceback.format_exc()}) from None


def _described(name: str, kind: str, parameter: str) -> dict[str, Any]:
    about = {"name": name, "kind": kind, "parameter": parameter, "durable": name, "client": None}
    return about | {"route": None, "methods": [], "auth": ""}


def client_of(hub: MemoryHub | ExtensionHub) -> TaskHubGrpcClient:
    return TaskHubGrpcClient(host_address=hub.address)


def ended(client: TaskHubGrpcClient, instance: str, seconds: float = 60) -> OrchestrationState:
    """Waits for the instance's end and returns its state. The client's own wait checks only every
    two seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        state = client.get_orchestration_state(instance)
        assert state is not None, f"{instance} is not there"
        if state.runtime_status.name in ("COMPLETED", "FAILED", "TERMINATED"):
            return state
        time.sleep(0.05)
    raise AssertionError(f"{instance} never ended")
