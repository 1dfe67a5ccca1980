"""One operation on a simulated cluster, from the claim to its end."""

import functools
import importlib.util
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from clients.slack import Posted
from cluster.api_requests import ClusterPlan
from cluster.contracts import FinishInput, RunRef
from cluster.plan import Plan
from cluster.record import Credential
from cluster.roles import CONTROL_PLANE, ETCD
from cluster.spec import ClusterSpec
from cluster.spec_rules import parse_spec
from lab.paths import ROOT
from lab.simulation.azure import Services
from lab.simulation.client import InProcessChannel, client_of
from lab.simulation.clock import Clock
from lab.simulation.connections import ssh_to
from lab.simulation.engine import SimulatedEngine, engine_time
from lab.simulation.machines import Fleet
from lab.simulation.play import TASKS, Play
from planning.dry_run import dry_run
from runs.backup_claims import claim_backup, claim_maintenance, claim_restore, claim_rotation
from runs.claims import claim_delete, claim_node_replacement, claim_reconcile
from runs.engine import DurableEngine
from runs.run_requests import NodeReplacement
from runs.starts import Claim, ClaimContext

# The longest names that the rules allow. Payloads must stay small with these too.
CLUSTER, POOL = "simulated-thousand-nodes", "workerworker"
APP = ROOT / "function_app.py"
READY_SECONDS, PLAY_SECONDS = 300.0, 1200.0


@dataclass(frozen=True)
class Scenario:
    """A simulated operation. `nodes`: the number of nodes, without the controller. `ready`: seconds
    over which nodes become ready. `play`: duration of the play in seconds. `failing`: the number of
    hosts that fail at the last of the play's `tasks`."""

    nodes: int
    ready: float = READY_SECONDS
    play: float = PLAY_SECONDS
    failing: int = 0
    tasks: int = TASKS
    cluster: str = CLUSTER
    pool: str = POOL
    spec: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def wanted(self) -> ClusterSpec:
        control = 3 if self.nodes > 10 else 1
        pool = {"name": self.pool, "count": self.nodes - control - 3}
        mirror = {"url": "http://mirror.example", "manifestSha256": "0" * 64}
        return parse_spec(
            {
                "name": self.cluster,
                "controlPlane": {"count": control},
                "workers": [pool],
                "zones": ["1", "2", "3"],
                "artifacts": mirror,
                "kubernetes": {"podCidr": "10.128.0.0/13"},
            }
            | self.spec
        )

    def hosts(self) -> tuple[str, ...]:
        spec = self.wanted
        tiers = ((CONTROL_PLANE, spec.control_plane.count), (ETCD, spec.etcd.count))
        pools = ((pool.name, pool.count) for pool in spec.workers)
        named = [f"{self.cluster}-{t}-{i}" for t, count in (*tiers, *pools) for i in range(count)]
        return tuple(named)


@functools.cache
def _functions() -> list[Any]:
    """Returns the functions of a separate copy of the app, because an app can be indexed only
    once."""
    spec = importlib.util.spec_from_file_location("simulated_function_app", APP)
    assert spec  # noqa: S101 -- for the type checker
    assert spec.loader  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app.get_functions()


class Simulation:
    """A simulated cluster. `engine`, `services` and `fleet` may be read during the run and after
    it."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario = scenario
        self.clock = Clock()
        self.services = Services(self.clock)
        self.services.vault.secrets["slack-webhook"] = "https://hooks.slack.com/services/T/B/X"
        self.engine = SimulatedEngine(self.clock, _functions())
        self.fleet = Fleet(
            self.services,
            scenario.cluster,
            1,
            lambda place, count: scenario.ready * place / count,
            Play(
                scenario.hosts(),
                scenario.play,
                scenario.failing,
                scenario.tasks,
                scenario.wanted.stages,
            ),
            folder,
        )
        self.channel = InProcessChannel(self.engine)
        # The client as the app gets it.
        self.client: Any = client_of(self.channel)
        engine = DurableEngine(self.client)
        self.context = ClaimContext(self.services.store, engine, slack=True)

    def apply(self, spec: ClusterSpec | None = None, *, full: bool = False) -> Claim:
        """Claims the launch, or the change to another spec than the scenario's."""
        claim = claim_reconcile(self.context, spec or self.scenario.wanted, "ada", full=full)
        self.fleet.begin(claim.operation.generation)
        return claim

    def plan(self, *, full: bool) -> ClusterPlan:
        return dry_run(self.scenario.wanted, full=full)

    def plan_of(self, generation: int) -> Plan:
        return self.services.store.need_plan(
            RunRef(cluster=self.scenario.cluster, generation=generation)
        )

    def fail_play(self, hosts: int) -> None:
        """Lets this number of hosts fail at the last task of the plays to come."""
        self.fleet.play = replace(self.fleet.play, failing=hosts)

    def grow(self, nodes: int) -> None:
        """Wants another number of nodes from the next claim on."""
        self.scenario = replace(self.scenario, nodes=nodes)

    def delete(self) -> Claim | None:
        return claim_delete(self.context, self.scenario.cluster, "ada")

    def back_up(self) -> Claim:
        """Claims a backup."""
        claim = claim_backup(self.context, self.scenario.cluster, "ada")
        assert claim  # noqa: S101 -- for the type checker
        self.fleet.begin(claim.operation.generation)
        return claim

    def replace(self, node: str, *, force: bool = False) -> Claim:
        """Claims the replacement of a node."""
        record, _ = self.services.store.need_record(self.scenario.cluster)
        asked = NodeReplacement(node, force, record)
        spec = self.services.store.spec(record)
        claim = claim_node_replacement(self.context, spec, "ada", asked)
        assert claim  # noqa: S101 -- for the type checker
        self.fleet.begin(claim.operation.generation)
        return claim

    def restore(self, backup: str) -> Claim:
        """Claims the restore of a backup."""
        claim = claim_restore(self.context, self.scenario.cluster, "ada", backup)
        assert claim  # noqa: S101 -- for the type checker
        self.fleet.begin(claim.operation.generation)
        return claim

    def rotate(self, credential: Credential) -> Claim:
        """Claims the rotation of a credential."""
        claim = claim_rotation(self.context, self.scenario.cluster, "ada", credential)
        assert claim  # noqa: S101 -- for the type checker
        self.fleet.begin(claim.operation.generation)
        return claim

    def maintain(self) -> Claim:
        """Claims a maintenance."""
        claim = claim_maintenance(self.context, self.scenario.cluster, "ada")
        assert claim  # noqa: S101 -- for the type checker
        self.fleet.begin(claim.operation.generation)
        return claim

    def result(self, generation: int = 1) -> FinishInput | None:
        ref = RunRef(cluster=self.scenario.cluster, generation=generation)
        return self.services.store.result(ref)


@contextmanager
def simulation(scenario: Scenario) -> Generator[Simulation]:
    """Yields a simulation. The app's edges are replaced while the block runs."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        made = Simulation(scenario, folder)
        stack.enter_context(engine_time(made.clock))
        for name, value in (
            ("clients.services._services", lambda: made.services),
            ("clients.ssh.controller.SshController", ssh_to(made.fleet)),
            ("activities.record_events.SlackWebhook", _Slack),
            ("triggers.removal.DurableEngine", lambda _: made.context.engine),
            ("activities.probe_nodes.monotonic", made.clock.stopwatch),
            ("activities.verify_cluster.monotonic", made.clock.stopwatch),
            ("activities.examine_machines.monotonic", made.clock.stopwatch),
        ):
            stack.enter_context(patch(name, value))
        stack.callback(made.engine.close)
        yield made


class _Slack:
    def __init__(self, url: str, *, loopback: bool) -> None:
        del url, loopback

    def post(self, text: str) -> Posted:
        del text
        return Posted()
