"""A context without services: blobs and an engine in memory."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from clients.azure.blobs import Conflict, ListedBlob
from clients.store import Store
from cluster.spec_rules import parse_spec
from runs.starts import ClaimContext


class MemoryBlobs:
    """The blob service's edge: contents with ETags, conditions kept under a lock."""

    def __init__(self) -> None:
        self._blobs: dict[str, tuple[bytes, int]] = {}
        self._metadata: dict[str, dict[str, str]] = {}
        # When each blob was written. A test may change it.
        self.written: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def read(self, name: str) -> tuple[bytes, str] | None:
        found = self._blobs.get(name)
        return (found[0], str(found[1])) if found else None

    def size(self, name: str) -> int:
        found = self._blobs.get(name)
        return len(found[0]) if found else 0

    def append_at(self, name: str, position: int, data: bytes) -> int:
        with self._lock:
            old = self._blobs.get(name, (b"", 0))
            if old[0][position : position + len(data)] != data:
                if position != len(old[0]):
                    raise Conflict(name)
                self._blobs[name] = (old[0] + data, old[1] + 1)
                self.written[name] = datetime.now(UTC)
            return position + len(data)

    def list(self, prefix: str) -> list[str]:
        return sorted(name for name in self._blobs if name.startswith(prefix))

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        return self._blobs.get(name, (b"", 0))[0][offset : offset + length]

    def listed(self, prefix: str, *, without: str = "") -> Iterator[ListedBlob]:
        for name in self.list(prefix):
            if not without or without not in name[len(prefix) :]:
                data, number = self._blobs[name]
                digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
                metadata = self._metadata.get(name, {})
                yield ListedBlob(name, str(number), self.written[name], digest, metadata)

    def delete(self, name: str, *, if_match: str | None = None) -> None:
        with self._lock:
            old = self._blobs.get(name)
            if old and if_match and str(old[1]) != if_match:
                raise Conflict(name)
            self._blobs.pop(name, None)

    def delete_prefix(self, prefix: str) -> None:
        for name in self.list(prefix):
            self.delete(name)

    def write(
        self,
        name: str,
        data: bytes,
        *,
        if_match: str | None = None,
        if_none_match: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        with self._lock:
            old = self._blobs.get(name)
            if (if_none_match and old) or (if_match and (old is None or str(old[1]) != if_match)):
                raise Conflict(name)
            number = (old[1] if old else 0) + 1
            self._blobs[name] = (data, number)
            self._metadata[name] = dict(metadata or {})
            self.written[name] = datetime.now(UTC)
            return str(number)


class LooseEngine:
    """A backend whose start is not atomic: it takes every start and says success, and what has
    ended runs again. `before` is called with each method's name, before it is done."""

    def __init__(self) -> None:
        self.starts: list[tuple[str, str]] = []
        self.raised: list[tuple[str, str]] = []
        self.states: dict[str, str] = {}
        self.lose_next = False
        self.before: Callable[[str], None] = lambda _: None

    def status(self, instance_id: str) -> str | None:
        self.before("status")
        return self.states.get(instance_id)

    def custom_status(self, instance_id: str) -> dict[str, Any]:
        self.before("custom_status")
        return {"phase": "network"} if instance_id in self.states else {}

    def start(self, orchestrator: str, instance_id: str, payload: dict[str, Any]) -> None:
        del payload
        self.before("start")
        if self.lose_next:
            self.lose_next = False
            return
        self.starts.append((orchestrator, instance_id))
        self.states[instance_id] = "RUNNING"

    def raise_event(self, instance_id: str, name: str, data: str) -> bool:
        del data
        self.before("raise_event")
        if self.states.get(instance_id) != "RUNNING":
            return False
        self.raised.append((instance_id, name))
        return True


def new_context() -> ClaimContext:
    blobs: Any = MemoryBlobs()
    return ClaimContext(Store(blobs), LooseEngine(), slack=False)


def spec(workers: int = 2) -> Any:
    return parse_spec({"name": "demo", "workers": [{"name": "worker", "count": workers}]})


def engine(context: ClaimContext) -> LooseEngine:
    assert isinstance(context.engine, LooseEngine)
    return context.engine
