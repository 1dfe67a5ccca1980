"""A context without services: blobs and an engine in memory."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from clients.store import Store
from cluster.spec_rules import parse_spec
from lab.simulation.clock import Clock
from lab.simulation.storage import Blobs
from runs.starts import ClaimContext


class MemoryBlobs(Blobs):
    """The blob service's edge. Nobody looks at its clock and its counts."""

    def __init__(self) -> None:
        super().__init__(Clock(), Counter())


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
