"""What a task hub is to the host that has it, whichever engine keeps it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

# Bytes; the Functions host's own default.
BODY_LIMIT = 100 * 1024 * 1024


class Functions(Protocol):
    """The app, as a hub needs it: its index of functions, and a way to run one (pool.py).
    `functions`: of each, name, kind, durable name, and what its trigger says."""

    functions: list[dict[str, Any]]

    def ask(self, kind: str, function: str, payload: Any, client: str = "") -> Any:
        """Runs one function and returns its value.

        Raises:
            WorkerLostError: the worker died meanwhile.
            NoWorkerError: there is none at the moment; nothing was begun.
            FunctionFailedError: the function raised.
        """
        ...


class Hub(Protocol):
    """Orchestrations and HTTP. `url`: of the app; `address`: of the engine's gRPC service."""

    url: str

    @property
    def address(self) -> str: ...
    def start(self) -> None: ...
    def end(self) -> None: ...


@dataclass(frozen=True)
class HubOptions:
    """`durable`: over host.json's section extensions.durableTask. `keys`: function, master,
    durableTask, eventGrid. `port` 0: any that is free. `body_limit`: bytes
    of a request's body at most. Only the engine azure-storage has a
    `program` (functions-host) and a `storage` (connection string with blobs, queues, tables)."""

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
        """host.json's section with what goes over it."""
        return self._extensions().get("durableTask", {}) | self.durable

    def _extensions(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.host_json.read_text(encoding="utf-8"))
        return read.get("extensions", {})
