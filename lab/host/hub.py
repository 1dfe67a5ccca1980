"""The interface between a host and its task hub, the same for both engines."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

# In bytes; the Functions host's own default.
BODY_LIMIT = 100 * 1024 * 1024


class Functions(Protocol):
    """The app as a hub uses it: the index of its functions, and a way to run one (pool.py). Each
    entry of `functions` has the function's name, kind, durable name and trigger settings."""

    functions: list[dict[str, Any]]

    def ask(self, kind: str, function: str, payload: Any, client: str = "") -> Any:
        """Runs one function and returns its value.

        Raises:
            WorkerLostError: the worker died during the call.
            NoWorkerError: there is no worker at the moment; the function was not started.
            FunctionFailedError: the function raised.
        """
        ...


class Hub(Protocol):
    """Orchestrations and HTTP. `url` is the app's; `address` is that of the engine's gRPC
    service."""

    url: str

    @property
    def address(self) -> str: ...
    def start(self) -> None: ...
    def end(self) -> None: ...


@dataclass(frozen=True)
class HubOptions:
    """Options of a hub.

    `durable`: values that override host.json's section extensions.durableTask. `keys`: function,
    master, durableTask, eventGrid. `port`: 0 selects a free port. `body_limit`: the maximum size of
    a request's body in bytes. `program` (functions-host) and `storage` (a connection string with
    blobs, queues and tables) are used by the engine azure-storage only.
    """

    host_json: Path
    logs: Path
    keys: dict[str, str]
    port: int = 0
    durable: dict[str, Any] = field(default_factory=dict[str, Any])
    program: Path | None = None
    storage: str = ""
    body_limit: int = BODY_LIMIT

    @property
    def route_prefix(self) -> str:
        return str(self._extensions().get("http", {}).get("routePrefix", "api"))

    def durable_task(self) -> dict[str, Any]:
        """Returns host.json's section with the overrides applied."""
        return self._extensions().get("durableTask", {}) | self.durable

    def _extensions(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.host_json.read_text(encoding="utf-8"))
        return read.get("extensions", {})
