"""Slipway's orchestrators on Microsoft's extension, with activities of the test's own, and hosts
and storage that fail. The in-memory engine has neither to lose."""

import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from durabletask.client import TaskHubGrpcClient

from cli.root import ROOT
from cluster import contracts, names
from cluster.contracts import ORCHESTRATION_VERSION, RECONCILE_CLUSTER, Activity
from cluster.outcomes import Outcome
from lab.control import CACHE
from lab.host.azure_storage import ExtensionHub
from lab.host.executions import Executions
from lab.host.hub import HubOptions
from lab.host.program import ensure_program
from lab.storage import Ports, connection_string, ensure_azurite, free_ports, start_azurite
from orchestrators.reconcile_cluster import reconcile_cluster
from tests.engines import KEYS, InProcess, ended, extension_only  # noqa: F401 -- a fixture
from tests.gate import Gate

# The activity in which a run of each phase stands when the fault comes.
PHASES: dict[str, Activity[Any, Any]] = {
    "plan": contracts.PLAN_CLUSTER,
    "preflight": contracts.CHECK_PREFLIGHT,
    "keys": contracts.ENSURE_KEYS,
    "network": contracts.START_DEPLOYMENT,
    "machines": contracts.POLL_DEPLOYMENTS,
    "nodes": contracts.PROBE_NODES,
    "playbook": contracts.POLL_PLAY,
    "verify": contracts.VERIFY_CLUSTER,
    "controller": contracts.STOP_CONTROLLER,
}
ACTIVITIES: tuple[Activity[Any, Any], ...] = tuple(
    value for value in vars(contracts).values() if isinstance(value, Activity)
)
PARTS = ("network", "controller", "control-plane-0", "etcd-0")
RESULTS: dict[str, Callable[[Any], Outcome]] = {
    contracts.PLAN_CLUSTER.name: lambda _: contracts.PlanResult(
        parts=tuple(
            contracts.PlannedPart(part=part, template="nodes", nodes=int(part != "network"))
            for part in PARTS
        ),
        nodes=3,
        missing=4,
    ),
    contracts.POLL_DEPLOYMENTS.name: lambda asked: contracts.DeploymentsResult(
        finished=asked.parts
    ),
    contracts.PROBE_NODES.name: lambda _: contracts.ProbeResult(ready=4, total=4),
    contracts.POLL_PLAY.name: lambda _: contracts.PollPlayResult(
        play_state="finished", exit_code=0
    ),
    contracts.VERIFY_CLUSTER.name: lambda _: contracts.VerifyResult(
        checks=(contracts.Check(name="etcd", ok=True),)
    ),
    contracts.RECORD_EVENTS.name: lambda asked: contracts.RecordResult(
        position=asked.position + len("".join(asked.lines).encode())
    ),
}


@dataclass
class Runs:
    """Nine runs at once. Each stands still in the activity of its phase until `release`."""

    executed: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    held: set[str] = field(default_factory=set[str])
    release: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def app(self) -> InProcess:
        activities = {contract.name: self._activity(contract) for contract in ACTIVITIES}
        return InProcess({RECONCILE_CLUSTER: reconcile_cluster}, activities)

    def start(self, client: TaskHubGrpcClient) -> None:
        for phase in PHASES:
            client.schedule_new_orchestration(
                RECONCILE_CLUSTER,
                input={"cluster": phase, "generation": 1},
                instance_id=names.instance_id(phase, 1),
                version=ORCHESTRATION_VERSION,
            )
        until = time.monotonic() + 60
        while self.held != set(PHASES):
            assert time.monotonic() < until, f"only these came to their phase: {self.held}"
            time.sleep(0.1)

    def all_succeed(
        self, client: Callable[[], TaskHubGrpcClient], record: Callable[[str, object], object]
    ) -> None:
        """Every run ends as asked. What a phase's activity was executed for besides is recorded:
        at least once is promised, not once."""
        began = time.monotonic()
        for phase in PHASES:
            with client() as asking:
                state = ended(asking, names.instance_id(phase, 1), 600)
            assert state.get_output() == {"result": "succeeded"}, phase
            record(f"{phase}_seconds", round(time.monotonic() - began, 1))
        more = {
            f"{cluster}: {name}": count
            for cluster, name in set(self.executed)
            if (count := self.executed.count((cluster, name))) > 1 and name == PHASES[cluster].name
        }
        record("executed_more_than_once", more)

    def _activity(self, contract: Activity[Any, Any]) -> Callable[[Any], Any]:
        def run(raw: Any) -> Any:
            asked = contract.takes.model_validate(raw)
            phase = asked.cluster
            with self._lock:
                self.executed.append((phase, contract.name))
                first = PHASES[phase].name == contract.name and phase not in self.held
                if first:
                    self.held.add(phase)
            if first:
                self.release.wait(120)
            result = RESULTS.get(contract.name, lambda _: contract.gives())(asked)
            return result.model_dump(mode="json")

        return run


@dataclass
class Azure:
    """Storage behind gates, and hosts on one hub of it."""

    gates: dict[str, Gate]
    storage: str
    folder: Path
    hosts: list[ExtensionHub] = field(default_factory=list[ExtensionHub])
    hub: str = field(default_factory=lambda: f"t{secrets.token_hex(8)}")

    def host(self, app: InProcess) -> ExtensionHub:
        logs = self.folder / f"host-{len(self.hosts)}"
        logs.mkdir()
        options = HubOptions(
            host_json=ROOT / "host.json",
            logs=logs,
            keys=KEYS,
            durable={"hubName": self.hub},
            program=ensure_program(CACHE, lambda _: None),
            storage=self.storage,
        )
        host = ExtensionHub(app, Executions(), options)
        host.start()
        self.hosts.append(host)
        return host


@pytest.fixture
def record() -> Callable[[str, object], object]:
    return lambda what, value: sys.stdout.write(f"{what}: {value}\n")


@pytest.fixture
def azure(engine_name: str, tmp_path: Path) -> Iterator[Azure]:
    ports, key = free_ports(durable=True), secrets.token_bytes(32).hex()
    log = tmp_path / "azurite.log"
    process = start_azurite(
        ensure_azurite(CACHE, lambda _: None), tmp_path / "azurite", ports, key, log
    )
    gates = {service: Gate(port) for service, port in ports.of_services().items()}
    through = Ports(*(gates[service].port for service in ("blob", "queue", "table")))
    azure = Azure(gates, connection_string(through, key), tmp_path)
    try:
        yield azure
    finally:
        for host in azure.hosts:
            if not host.ended:
                host.kill()
        process.terminate()
        process.wait()
