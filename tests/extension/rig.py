"""The app's orchestrators on Microsoft's Durable extension, with activities that a test scripts.

The extension (`lab/functions_host`), its queues and tables (Azurite) and the orchestrators are the
real ones. A door in front of the queues can be shut, and the host be killed.
"""

import base64
import json
import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from azure.durable_functions.worker import DurableFunctionsWorker
from durabletask.client import OrchestrationState, TaskHubGrpcClient
from durabletask.internal import orchestrator_service_pb2 as pb

from activities import record_events
from benchmarks.simulation.azure import Blobs
from benchmarks.simulation.clock import Clock
from cluster import contracts
from cluster.contracts import ORCHESTRATION_VERSION, RECONCILE_CLUSTER, Activity
from cluster.events import from_lines
from cluster.names import run_blob
from cluster.outcomes import Outcome
from lab.host.azure_storage import ExtensionHub
from lab.host.executions import Executions
from lab.host.hub import HubOptions
from lab.host.pool import FunctionFailedError, WorkerLostError
from lab.host.program import ensure_program
from lab.storage import connection_string, ensure_azurite, free_ports, start_azurite
from orchestrators.reconcile_cluster import reconcile_cluster
from tests.gate import Gate

ROOT = Path(__file__).parents[2]
ACTIVITIES: dict[str, Activity[Any, Any]] = {
    value.name: value for value in vars(contracts).values() if isinstance(value, Activity)
}
CACHE = Path(os.environ.get("SLIPWAY_CACHE", "/var/cache/slipway"))
type Script = Callable[[Any], Outcome]


class DyingWorker(Exception):  # noqa: N818 -- what the script does
    """Raised by a script: the worker process ends with the call."""


class App:
    """What functions-host asks: turns of the real orchestrator, and scripted activities."""

    def __init__(self) -> None:
        self.functions: list[dict[str, Any]] = [
            _about(RECONCILE_CLUSTER, "OrchestrationTrigger", "context"),
            *(_about(name, "ActivityTrigger", "payload") for name in ACTIVITIES),
        ]
        self.scripts: dict[str, Script] = {}
        self.calls: list[tuple[float, str]] = []
        self.failed: list[str] = []
        self.turns = 0
        self.events = 0
        self._lock = threading.Lock()

    def count(self, activity: Activity[Any, Any]) -> int:
        return Counter(name for _, name in self.calls)[activity.name]

    def ask(self, kind: str, function: str, payload: Any, client: str = "") -> Any:
        del client
        if kind == "orchestration":
            return self._turn(payload)
        contract = ACTIVITIES[function]
        with self._lock:
            self.calls.append((time.monotonic(), function))
        request = contract.takes.model_validate(json.loads(payload))
        script = self.scripts.get(function)
        try:
            outcome = script(request) if script else contract.gives()
        except DyingWorker:
            raise WorkerLostError from None
        except Exception as error:
            answer = {"type": type(error).__name__, "message": str(error), "stack": ""}
            raise FunctionFailedError(answer) from None
        return outcome.model_dump_json()

    def _turn(self, payload: str) -> str:
        request = pb.OrchestratorRequest()
        request.ParseFromString(base64.b64decode(payload))
        with self._lock:
            self.turns += 1
            self.events = max(self.events, len(request.pastEvents) + len(request.newEvents))
        return DurableFunctionsWorker().execute_orchestration_request(reconcile_cluster, payload)


def _about(name: str, kind: str, parameter: str) -> dict[str, Any]:
    return {"name": name, "kind": kind, "parameter": parameter, "durable": name}


class Rig:
    """One hub. `kill` and `start` are a host that dies and the one that Azure starts after it."""

    def __init__(self, storage: str, program: Path, folder: Path, door: Gate) -> None:
        self.app = App()
        self.door = door
        self._options = HubOptions(
            host_json=ROOT / "host.json",
            logs=folder,
            keys=dict.fromkeys(("function", "master", "durableTask", "eventGrid"), "x"),
            durable={"hubName": f"test{secrets.token_hex(4)}"},
            program=program,
            storage=storage,
        )
        self.log = folder / "functions-host.log"
        self.blobs = Blobs(Clock(), Counter())

    def texts(self) -> list[str]:
        """Of the run's events, as they were recorded."""
        (data, _) = self.blobs.content[run_blob("demo", 1, "events.jsonl")]
        return [event.text for event in from_lines(data.decode())]

    def start(self) -> None:
        self._hub = ExtensionHub(self.app, Executions(), self._options)
        self._hub.start()

    def kill(self) -> None:
        self._hub.kill()
        if self._hub.process.stdout:
            self._hub.process.stdout.close()

    def begin(self, **state: Any) -> str:
        with TaskHubGrpcClient(host_address=self._hub.address) as client:
            payload = {"cluster": "demo", "generation": 1} | state
            return client.schedule_new_orchestration(
                RECONCILE_CLUSTER,
                input=payload,
                instance_id="demo-000001",
                version=ORCHESTRATION_VERSION,
            )

    def cancel(self) -> None:
        with TaskHubGrpcClient(host_address=self._hub.address) as client:
            client.raise_orchestration_event("demo-000001", contracts.CANCEL_EVENT, data="ada")

    def state(self) -> OrchestrationState:
        with TaskHubGrpcClient(host_address=self._hub.address) as client:
            found = client.get_orchestration_state("demo-000001")
        assert found is not None
        return found

    def finish(self, seconds: float) -> OrchestrationState:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(Exception):  # it may be away
                found = self.state()
                if found.runtime_status.name in ("COMPLETED", "FAILED", "TERMINATED"):
                    return found
            time.sleep(0.5)
        raise AssertionError(f"not ended after {seconds:.0f} s; calls: {self.app.calls[-5:]}")


@contextmanager
def rig(folder: Path) -> Generator[Rig]:
    program = ensure_program(CACHE, print)
    ports, key = free_ports(durable=True), base64.b64encode(secrets.token_bytes(32)).decode()
    azurite = start_azurite(
        ensure_azurite(CACHE, print), folder / "data", ports, key, folder / "azurite.log"
    )
    assert ports.queue
    door = Gate(ports.queue)
    behind = type(ports)(ports.blob, door.port, ports.table)
    made = Rig(connection_string(behind, key), program, folder, door)
    made.start()
    try:
        yield made
    finally:
        made.kill()
        door.shut()
        azurite.kill()
        azurite.wait()


def record(asked: contracts.RecordInput) -> contracts.RecordResult:
    """The app's own activity."""
    answer = record_events(asked.model_dump(mode="json"))
    return contracts.RecordResult.model_validate(answer)


def planned() -> contracts.PlanResult:
    parts = tuple(
        contracts.PlannedPart(part=part, template="nodes", nodes=count)
        for part, count in (("network", 0), ("controller", 1), ("etcd-0", 3), ("worker-0", 2))
    )
    return contracts.PlanResult(parts=parts, nodes=6, missing=7)
