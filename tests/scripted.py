"""Slipway's orchestrators with activities that a test scripts, in the test's process.

Only the activities are scripted: claims, timers, retries, replay and continue-as-new are the
engine's own, whichever it is. The fixture is imported by a conftest by its name.
"""

import base64
import importlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from durabletask.client import OrchestrationState
from durabletask.internal import orchestrator_service_pb2 as pb

from activities import record_events
from cluster import contracts, names
from cluster.contracts import (
    BACKUP_CLUSTER,
    DELETE_CLUSTER,
    MAINTAIN_CLUSTER,
    ORCHESTRATION_VERSION,
    RECONCILE_CLUSTER,
    REPLACE_NODES,
    RESTORE_CLUSTER,
    ROTATE_CREDENTIAL,
    UPGRADE_CLUSTER,
    Activity,
)
from cluster.events import Event, from_lines
from cluster.outcomes import Outcome
from lab.simulation.clock import Clock
from lab.simulation.storage import Blobs
from lab.testing.engines import InProcess, client_of, ended
from lab.testing.hosts import ExtensionHub, MemoryHub
from orchestrators.backup_cluster import backup_cluster
from orchestrators.delete_cluster import delete_cluster
from orchestrators.maintain_cluster import maintain_cluster
from orchestrators.reconcile_cluster import reconcile_cluster
from orchestrators.replace_nodes import replace_nodes
from orchestrators.restore_cluster import restore_cluster
from orchestrators.rotate_credential import rotate_credential
from orchestrators.upgrade_cluster import upgrade_cluster

ACTIVITIES: tuple[Activity[Any, Any], ...] = tuple(
    value for value in vars(contracts).values() if isinstance(value, Activity)
)
# By its name: the package has a function of the same one.
RECORD_EVENTS = importlib.import_module("activities.record_events")
type Script = Callable[[Any], Outcome]


class Scripted(InProcess):
    """An activity without a script answers what its contract has as defaults.

    Attributes:
        calls: each execution of an activity, with its input, in order.
        turns: how many turns of orchestrators there were.
        events: of the longest history.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                RECONCILE_CLUSTER: reconcile_cluster,
                DELETE_CLUSTER: delete_cluster,
                BACKUP_CLUSTER: backup_cluster,
                REPLACE_NODES: replace_nodes,
                RESTORE_CLUSTER: restore_cluster,
                UPGRADE_CLUSTER: upgrade_cluster,
                MAINTAIN_CLUSTER: maintain_cluster,
                ROTATE_CREDENTIAL: rotate_credential,
            },
            {contract.name: partial(self._execute, contract) for contract in ACTIVITIES},
        )
        self._scripts: dict[str, Script] = {}
        self._lock = threading.Lock()
        self.calls: list[tuple[str, Any]] = []
        self.turns = 0
        self.events = 0

    def script(self, activity: Activity[Any, Any], answer: Script) -> None:
        self._scripts[activity.name] = answer

    def answering(self, activity: Activity[Any, Any]) -> Script:
        """What answers at present, for a script that adds to it."""
        return self._scripts.get(activity.name, lambda _: activity.gives())

    def inputs(self, activity: Activity[Any, Any]) -> list[Any]:
        return [asked for name, asked in self.calls if name == activity.name]

    def count(self, activity: Activity[Any, Any]) -> int:
        return len(self.inputs(activity))

    def ask(self, kind: str, function: str, payload: Any, client: str = "") -> Any:
        if kind == "orchestration":
            request = turn_of(payload)
            with self._lock:
                self.turns += 1
                self.events = max(self.events, len(request.pastEvents) + len(request.newEvents))
        return super().ask(kind, function, payload, client)

    def _execute(self, contract: Activity[Any, Any], raw: Any) -> Any:
        asked = contract.takes.model_validate(raw)
        with self._lock:
            self.calls.append((contract.name, asked))
        return self.answering(contract)(asked).model_dump(mode="json")


class Shared:
    """Functions of one hub that many runs share: each run is its own app's."""

    def __init__(self) -> None:
        self.functions = Scripted().functions
        self.apps: dict[str, Scripted] = {}

    def ask(self, kind: str, function: str, payload: Any, client: str = "") -> Any:
        if kind == "orchestration":
            instance = turn_of(payload).instanceId
        else:
            asked = json.loads(payload)
            instance = names.instance_id(asked["cluster"], asked["generation"])
        return self.apps[instance].ask(kind, function, payload, client)


class Run:
    """One run of a cluster. `hub`: where it runs at present."""

    def __init__(
        self,
        app: Scripted,
        hub: MemoryHub | ExtensionHub,
        cluster: str = "demo",
        generation: int = 1,
    ) -> None:
        self.app, self.hub = app, hub
        self.cluster, self.generation = cluster, generation
        self.instance = names.instance_id(cluster, generation)

    def begin(
        self,
        orchestrator: str = RECONCILE_CLUSTER,
        version: str = ORCHESTRATION_VERSION,
        **state: Any,
    ) -> None:
        """`state`: the state with which a run continues, for example its journal."""
        payload = {"cluster": self.cluster, "generation": self.generation} | state
        with client_of(self.hub) as client:
            client.schedule_new_orchestration(
                orchestrator, input=payload, instance_id=self.instance, version=version
            )

    def cancel(self) -> None:
        with client_of(self.hub) as client:
            client.raise_orchestration_event(self.instance, contracts.CANCEL_EVENT, data="ada")

    def state(self) -> OrchestrationState:
        with client_of(self.hub) as client:
            found = client.get_orchestration_state(self.instance)
        assert found is not None
        return found

    def finish(self, seconds: float = 100) -> OrchestrationState:
        """Waits for its end, also while the hub is unavailable."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            with suppress(grpc.RpcError), client_of(self.hub) as client:
                return ended(client, self.instance, left)
            time.sleep(0.5)
        raise AssertionError(f"the hub of {self.instance} did not answer for {seconds:.0f} s")

    def complete(self, orchestrator: str = RECONCILE_CLUSTER, **state: Any) -> OrchestrationState:
        self.begin(orchestrator, **state)
        return self.finish()


class Recorder:
    """The activity that records events: the app's own, on blobs in memory."""

    def __init__(self) -> None:
        self.blobs = Blobs(Clock(), Counter())
        self._blob = ""

    def __call__(self, asked: contracts.RecordInput) -> contracts.RecordResult:
        self._blob = names.run_blob(asked.cluster, asked.generation, "events.jsonl")
        answer = record_events(asked.model_dump(mode="json"))
        return contracts.RecordResult.model_validate(answer)

    @property
    def events(self) -> list[Event]:
        (data, _) = self.blobs.content[self._blob]
        return from_lines(data.decode())

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.events]


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    services = SimpleNamespace(store=SimpleNamespace(blobs=made.blobs))
    monkeypatch.setattr(RECORD_EVENTS, "services", lambda: services)
    return made


def turn_of(payload: str) -> pb.OrchestratorRequest:
    request = pb.OrchestratorRequest()
    request.ParseFromString(base64.b64decode(payload))
    return request


def planned(**changes: Any) -> contracts.PlanResult:
    nodes = {"network": 0, "controller": 1, "control-plane-0": 1, "etcd-0": 3, "worker-0": 2}
    parts = tuple(
        contracts.PlannedPart(part=part, template="nodes", nodes=count)
        for part, count in nodes.items()
    )
    return contracts.PlanResult(parts=parts, nodes=6, **changes)


def all_well(app: Scripted, recorder: Recorder) -> None:
    """A run in which everything goes well, until a test scripts otherwise."""
    app.script(contracts.RECORD_EVENTS, recorder)
    app.script(contracts.PLAN_CLUSTER, lambda _: planned())
    app.script(
        contracts.POLL_DEPLOYMENTS, lambda asked: contracts.DeploymentsResult(finished=asked.parts)
    )
    app.script(contracts.START_DEPLOYMENT, lambda _: Outcome(retry_after=0.01))
    app.script(
        contracts.PROBE_NODES, lambda _: contracts.ProbeResult(ready=7, total=7, newly=("a",))
    )
    app.script(
        contracts.POLL_PLAY, lambda _: contracts.PollPlayResult(play_state="finished", exit_code=0)
    )
    app.script(
        contracts.VERIFY_CLUSTER,
        lambda _: contracts.VerifyResult(checks=(contracts.Check(name="etcd", ok=True),)),
    )
