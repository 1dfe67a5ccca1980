"""The engines that tests run on, and hubs whose app is the test's own functions, in this process.

What is a fixture here is imported by a conftest, or by the test, by its name.
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
from lab.storage import connection_string, ensure_azurite, free_ports, start_azurite
from lab.testing.gate import HubGates

KEYS = {name: f"{name}-key" for name in ("function", "master", "durableTask", "eventGrid")}
LONG_ON_EXTENSION = ["memory", pytest.param("azure-storage", marks=pytest.mark.long)]


@pytest.fixture(scope="session", params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    if request.param != "memory":
        need_program()
    return request.param


@pytest.fixture(name="engine_name", scope="session", params=["azure-storage"])
def extension_only(request: pytest.FixtureRequest) -> str:
    """Replaces `engine_name` in tests of what the in-memory engine cannot show."""
    need_program()
    return request.param


@pytest.fixture(name="engine_name", scope="session", params=LONG_ON_EXTENSION)
def extension_long(request: pytest.FixtureRequest) -> str:
    """Replaces `engine_name` in tests that take seconds each on the extension. Those marked
    ON_BOTH run there each time."""
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
    """Why functions-host is not at hand; empty where it is. A .NET SDK that cannot build it is no
    fault of the tests; an archive that cannot be unpacked fails them."""
    try:
        if find_origin().kind == "source":
            ensure_program(CACHE, lambda _: None)
    except ProgramError as error:
        return " ".join(str(error).split())
    return ""


@pytest.fixture(scope="session")
def durable_storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A connection string of Azurite with blobs, queues and tables."""
    ports, key = free_ports(durable=True), secrets.token_bytes(32).hex()
    folder = tmp_path_factory.mktemp("azurite")
    scripts = ensure_azurite(CACHE, lambda _: None)
    process = start_azurite(scripts, folder, ports, key, folder / "log")
    try:
        yield connection_string(ports, key)
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="session")
def engine_config(engine_name: str, request: pytest.FixtureRequest) -> Callable[[], dict[str, Any]]:
    """What a host's configuration says of its engine; another hub each time."""

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
    """A hub that runs. `through` changes its storage's connection string; what is named besides
    goes over host.json's section for it."""

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
            # Nothing of a test is worth draining.
            hub.kill() if isinstance(hub, ExtensionHub) else hub.end()

    return opened


@contextmanager
def engine_away(hub: Hub, gates: HubGates) -> Iterator[None]:
    """The engine in memory answers nothing; the extension goes on without queues and tables."""
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
    """An app made of functions of this process. An activity may raise WorkerLostError, as if its
    worker had died."""

    def __init__(
        self,
        orchestrators: Mapping[str, Callable[[Any, Any], Any]],
        activities: Mapping[str, Callable[[Any], Any]],
    ) -> None:
        self._orchestrators, self._activities = orchestrators, activities
        # Orchestrators whose next turn's worker dies with it.
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
    """The instance's state once it ended. The client's own wait looks every two seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        state = client.get_orchestration_state(instance)
        assert state is not None, f"{instance} is not there"
        if state.runtime_status.name in ("COMPLETED", "FAILED", "TERMINATED"):
            return state
        time.sleep(0.05)
    raise AssertionError(f"{instance} never ended")
