"""Orchestrators on Microsoft's in-memory engine, with activities that a test scripts.

Only the activities are scripted: claims, timers, retries, replay and continue-as-new are the
engine's own. Waiting times are cut by the engine's clock being ours to shorten: activities answer
with small `retry_after` values.
"""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, cast

from durabletask.client import OrchestrationState, TaskHubGrpcClient
from durabletask.worker import (
    TaskHubGrpcWorker,
    VersionFailureStrategy,
    VersioningOptions,
    VersionMatchStrategy,
)

from cluster import contracts
from cluster.contracts import ORCHESTRATION_VERSION, Activity
from cluster.events import from_lines
from cluster.outcomes import Outcome
from lab.host.engine import Engine as Backend
from orchestrators.delete_cluster import delete_cluster
from orchestrators.reconcile_cluster import reconcile_cluster

ACTIVITIES: dict[str, Activity[Any, Any]] = {
    value.name: value for value in vars(contracts).values() if isinstance(value, Activity)
}
type Script = Callable[[Any], Outcome]


class Engine:
    """Runs one orchestration with scripted activities, and keeps every call."""

    def __init__(self, address: str, version: str = ORCHESTRATION_VERSION) -> None:
        """`version`: that of the worker; it leaves runs alone that are newer, as host.json asks."""
        self._worker = TaskHubGrpcWorker(host_address=address)
        self._worker.use_versioning(
            VersioningOptions(
                version=version,
                match_strategy=VersionMatchStrategy.CURRENT_OR_OLDER,
                failure_strategy=VersionFailureStrategy.REJECT,
            )
        )
        self.client = TaskHubGrpcClient(host_address=address)
        self.calls: list[tuple[str, Any]] = []
        self.scripts: dict[str, Script] = {}
        self._lock = threading.Lock()
        self._worker.add_orchestrator(reconcile_cluster)
        self._worker.add_orchestrator(delete_cluster)
        for name in ACTIVITIES:
            self._worker.add_activity(self._activity(name))

    def start(self) -> None:
        self._worker.start()

    def stop(self) -> None:
        self._worker.stop()
        self.client.close()

    def script(self, activity: Activity[Any, Any], answer: Script) -> None:
        self.scripts[activity.name] = answer

    def run(
        self, orchestrator: str, payload: dict[str, Any], instance: str = "demo-000001"
    ) -> OrchestrationState:
        self.client.schedule_new_orchestration(
            orchestrator, input=payload, instance_id=instance, version=ORCHESTRATION_VERSION
        )
        state = self.client.wait_for_orchestration_completion(instance, timeout=60)
        assert state is not None
        return state

    def count(self, activity: Activity[Any, Any]) -> int:
        return sum(1 for name, _ in self.calls if name == activity.name)

    def inputs(self, activity: Activity[Any, Any]) -> list[Any]:
        return [payload for name, payload in self.calls if name == activity.name]

    def _activity(self, name: str) -> Callable[[Any, Any], Any]:
        contract = ACTIVITIES[name]

        def run(_: Any, raw: Any) -> Any:
            payload = contract.takes.model_validate(raw)
            with self._lock:
                self.calls.append((name, payload))
            script = self.scripts.get(name)
            result = script(payload) if script else contract.gives()
            return result.model_dump(mode="json")

        run.__name__ = name
        return run


@contextmanager
def running_engine() -> Generator[Engine]:
    backend = Backend()
    engine = Engine(backend.start())
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()
        backend.stop()


class Recorder:
    """The event blob: appends at positions, as the real activity does."""

    def __init__(self) -> None:
        self.data = b""

    def __call__(self, request: contracts.RecordInput) -> contracts.RecordResult:
        data = "".join(request.lines).encode()
        if self.data[request.position : request.position + len(data)] != data:
            assert request.position == len(self.data), "a hole, or other bytes, in the record"
            self.data += data
        return contracts.RecordResult(position=request.position + len(data))

    @property
    def texts(self) -> list[str]:
        return [event.text for event in from_lines(self.data.decode())]


def plan_result(**changes: Any) -> contracts.PlanResult:
    parts = tuple(
        contracts.PlannedPart(part=part, template="nodes", nodes=count)
        for part, count in (
            ("network", 0),
            ("controller", 1),
            ("control-plane-0", 1),
            ("etcd-0", 3),
            ("worker-0", 2),
        )
    )
    values: dict[str, Any] = {"parts": parts, "nodes": 6, "missing": 7}
    return contracts.PlanResult(**cast(dict[str, Any], values | changes))
