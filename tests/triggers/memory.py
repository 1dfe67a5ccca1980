"""A desk without services: blobs and an engine in memory."""

import threading
from typing import Any

from clients.blobs import Conflict
from clients.store import Store
from cluster.spec_rules import parse_spec
from triggers.claims import Desk


class MemoryBlobs:
    """The blob service's edge: contents with ETags, conditions kept under a lock."""

    def __init__(self) -> None:
        self._blobs: dict[str, tuple[bytes, int]] = {}
        self._lock = threading.Lock()

    def read(self, name: str) -> tuple[bytes, str] | None:
        found = self._blobs.get(name)
        return (found[0], str(found[1])) if found else None

    def size(self, name: str) -> int:
        found = self._blobs.get(name)
        return len(found[0]) if found else 0

    def write(
        self, name: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False
    ) -> str:
        with self._lock:
            old = self._blobs.get(name)
            if (if_none_match and old) or (if_match and (old is None or str(old[1]) != if_match)):
                raise Conflict(name)
            number = (old[1] if old else 0) + 1
            self._blobs[name] = (data, number)
            return str(number)


class LooseEngine:
    """A backend whose start is not atomic: it takes every start and says success."""

    def __init__(self) -> None:
        self.starts: list[tuple[str, str]] = []
        self.raised: list[tuple[str, str]] = []
        self.states: dict[str, str] = {}
        self.lose_next = False

    def status(self, instance_id: str) -> str | None:
        return self.states.get(instance_id)

    def start(self, orchestrator: str, instance_id: str, payload: dict[str, Any]) -> None:
        del payload
        if self.lose_next:
            self.lose_next = False
            return
        self.starts.append((orchestrator, instance_id))
        self.states[instance_id] = "RUNNING"

    def raise_event(self, instance_id: str, name: str, data: str) -> None:
        del data
        self.raised.append((instance_id, name))


def new_desk() -> Desk:
    blobs: Any = MemoryBlobs()
    return Desk(Store(blobs), LooseEngine(), slack=False)


def spec(workers: int = 2) -> Any:
    return parse_spec({"name": "demo", "workers": [{"name": "worker", "count": workers}]})


def engine(desk: Desk) -> LooseEngine:
    assert isinstance(desk.engine, LooseEngine)
    return desk.engine
