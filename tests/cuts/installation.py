"""An installation in one process whose calls a test cuts: the app's handlers, orchestrators and
activities on the simulated engine and the simulated Azure."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

import azure.functions as func

from clients.azure.arm import Group
from clients.slack import Posted
from cluster import names
from cluster.contracts import RunRef
from cluster.record import ClusterRecord
from cluster.roles import WORKER
from lab.simulation.run import Scenario, Simulation, simulation
from tests.cuts.cutter import Cutter
from tests.cuts.machines import NewestFleet
from triggers import (
    backups,
    clusters,
    controllers,
    forget,
    groups,
    maintenance,
    node_removal,
    node_replacement,
    rotation,
)

CLUSTER, GROUP = "team-a", "team-a"
TAG = "tiny"
PROFILE = {"etcd": {"count": 1}, "workers": [{"name": "worker", "count": 1}]}
TWO_WORKERS = [{"name": "worker", "count": 2}]
SPEC: dict[str, Any] = PROFILE | {"name": CLUSTER, "resourceGroup": GROUP}
SCENARIO = Scenario(3, ready=5.0, play=20.0, tasks=9, cluster=CLUSTER, spec=SPEC)
SERVICES = ("vault", "groups", "resources", "deployments", "compute", "operations")
WEBHOOK = "slack-webhook"
ENDED = ("COMPLETED", "FAILED", "TERMINATED")
TRIES = 6


class PausedError(Exception):
    """Simulated time has come to where it was to stop."""


class UnansweredError(Exception):
    """A request was not answered, or an event not acknowledged: its sender repeats it."""


@dataclass
class Slack:
    """The webhook. `posts`: every message that arrived."""

    cutter: Cutter
    posts: list[str] = field(default_factory=list[str])
    valid: bool = True

    def __call__(self, url: str, *, loopback: bool) -> "Slack":
        del url, loopback
        return self

    def post(self, text: str) -> Posted:
        return self.cutter.call("slack.post", self._post, text)

    def _post(self, text: str) -> Posted:
        self.posts.append(text)
        return Posted()


class Installation:
    """`made` is the simulation; `cutter` counts every call of its services and its engine."""

    def __init__(self, made: Simulation, cutter: Cutter) -> None:
        self.made, self.cutter = made, cutter
        made.fleet.__class__ = NewestFleet
        self.engine, self.cloud = made.engine, made.services.cloud
        self.slack = Slack(cutter)
        # The runs whose blobs somebody deleted.
        self.erased: set[int] = set()
        # The runs that the engine lost, and what it had handed out and was not executed.
        self.lost: set[str] = set()
        self.late: list[Any] = []
        made.channel.passed = cutter.passed
        services: Any = made.services
        services.store.blobs = cutter.every_method(services.store.blobs)
        for name in SERVICES:
            setattr(services, name, cutter.every_method(getattr(services, name), name))
        profiles = json.dumps({TAG: {"spec": PROFILE, "bounds": {}}})
        services.settings = replace(services.settings, profiles=profiles)

    @property
    def store(self) -> Any:
        return self.made.services.store

    @property
    def vault(self) -> Any:
        return self.made.services.vault

    # Requests.

    def put(self, query: str = "", **changes: Any) -> func.HttpResponse:
        return self._ask("PUT", clusters.put_cluster, SPEC | changes, query=query)

    def delete(self) -> func.HttpResponse:
        return self._ask("DELETE", clusters.remove_cluster)

    def delete_node(self, node: str) -> func.HttpResponse:
        return self._ask("DELETE", node_removal.delete_node, node=node)

    def replace_node(self, node: str) -> func.HttpResponse:
        return self._ask("POST", node_replacement.replace_node, node=node)

    def cancel(self) -> func.HttpResponse:
        return self._ask("POST", clusters.cancel_cluster)

    def back_up(self) -> func.HttpResponse:
        return self._ask("POST", backups.post_backup)

    def restore(self, backup: str) -> func.HttpResponse:
        return self._ask("POST", backups.post_restore, backup=backup)

    def maintain(self) -> func.HttpResponse:
        return self._ask("POST", maintenance.post_maintenance)

    def rotate(self, credential: str) -> func.HttpResponse:
        return self._ask("POST", rotation.post_rotation, credential=credential)

    def forget(self) -> func.HttpResponse:
        query = f"?confirm={CLUSTER}"
        return self._ask("POST", forget.post_forget, query=query, engine=False)

    def show(self) -> dict[str, Any]:
        return json.loads(self._ask("GET", clusters.get_cluster).get_body())

    def listed(self) -> list[dict[str, Any]]:
        answer = self._ask("GET", clusters.list_clusters, query="?deleted=true", name="")
        return json.loads(answer.get_body())["clusters"]

    def stop_controller(self) -> func.HttpResponse:
        return self._ask("POST", controllers.post_controller_stop, engine=False)

    def start_controller(self) -> func.HttpResponse:
        return self._ask("POST", controllers.post_controller_start, engine=False)

    def written(self) -> None:
        self._deliver("ResourceWriteSuccess", "write")

    def gone(self) -> None:
        self._deliver("ResourceDeleteSuccess", "delete")

    def _ask(
        self,
        method: str,
        handler: Any,
        body: Any = None,
        query: str = "",
        name: str = CLUSTER,
        *,
        engine: bool = True,
        **route: str,
    ) -> func.HttpResponse:
        request = func.HttpRequest(
            method,
            f"https://app/api/clusters/{name}{query}",
            params=dict(part.split("=") for part in query.removeprefix("?").split("&") if part),
            route_params=({"name": name} if name else {}) | route,
            body=json.dumps(body).encode() if body is not None else b"",
        )
        answer = handler(request, *([self.made.client] if engine else []))
        if answer.status_code >= 500:
            raise UnansweredError(answer.get_body().decode())
        return answer

    def _deliver(self, kind: str, operation: str) -> None:
        subscription = self.made.services.settings.subscription_id
        event = func.CloudEvent(
            id="1",
            source=f"/subscriptions/{subscription}",
            type=f"Microsoft.Resources.{kind}",
            subject=f"/subscriptions/{subscription}/resourceGroups/{GROUP}",
            time=None,
            data={"operationName": f"Microsoft.Resources/subscriptions/resourceGroups/{operation}"},
            specversion="1.0",
            data_content_type="application/json",
            data_schema=None,
        )
        try:
            groups.on_group_event(event, self.made.client)
        except groups.RepeatedEventError as error:
            raise UnansweredError(str(error)) from None

    # What others do.

    def tag_group(self, tag: str = TAG) -> None:
        self.cloud.group = Group(GROUP, "westeurope", {"slipway": tag}, "Succeeded")

    def lose_group(self) -> None:
        self.cloud.group = None
        self.cloud.machines.clear()

    def terminate(self, generation: int) -> None:
        """Ends a run from outside, at once."""
        self.made.client.terminate_orchestration(instance(generation))

    def run(self) -> None:
        """Lets the engine run until nothing is due."""
        self.engine.finish()

    def run_for(self, seconds: float) -> None:
        """Lets the engine run for a time."""

        def pause() -> None:
            raise PausedError

        self.made.clock.at(self.made.clock.seconds + seconds, pause)
        with suppress(PausedError):
            self.engine.finish()

    # What became of it.

    @property
    def record(self) -> ClusterRecord:
        return self.store.need_record(CLUSTER)[0]

    def statuses(self) -> dict[str, str]:
        return {one: self.engine.ended(one) for one in self.engine._instances}

    def secrets(self) -> set[str]:
        return set(self.made.services.vault.secrets) - {WEBHOOK}

    def check_ended(self) -> None:
        """Nothing runs, and what is shown says so: each run has its result, and no run was started
        or recorded twice."""
        assert set(self.statuses().values()) <= set(ENDED), self.statuses()
        record = self.record
        assert not record.busy, record
        for generation in range(1, record.generation + 1):
            ref = RunRef(cluster=CLUSTER, generation=generation)
            status = self.statuses().get(instance(generation))
            result = self.store.result(ref)
            if generation in self.erased:
                continue
            assert result is not None, f"run {generation} has no result; the engine says {status}"
            if status == "COMPLETED":
                assert result.result in ("succeeded", "cancelled"), f"run {generation}: {result}"
            seqs = [event.seq for event in self.store.events(ref)]
            assert seqs == list(range(1, len(seqs) + 1)), f"events of run {generation}"
        shown = self.show()
        assert shown["state"] not in ("running", "pending", "deleting"), shown
        (listed,) = self.listed()
        assert listed["state"] == shown["state"]

    def check_once(self) -> None:
        """Every run was started once, every deployment and secret made once, every message told
        once."""
        asked = (request.instanceId for (request,) in self.cutter.of("engine.StartInstance"))
        starts = Counter(one for one in asked if one not in self.lost)
        assert all(count == 1 for count in starts.values()), starts
        deployed = Counter(args[1] for args in self.cutter.of("deployments.start"))
        assert all(count == 1 for count in deployed.values()), deployed
        # Messages about a tag have no operation: they may come twice (runs/refused_tags.py).
        posts = Counter(text for text in self.slack.posts if text.startswith("`"))
        assert all(count == 1 for count in posts.values()), posts

    def check_exists(self) -> None:
        """The cluster is there, whole."""
        self.check_ended()
        assert self.record.state == "ready", self.record
        assert set(self.cloud.machines) == {slot.name for slot in self.record.slots}
        workers = [slot for slot in self.record.slots if slot.role == WORKER]
        assert len(workers) == sum(pool["count"] for pool in self.record.spec["workers"])
        assert not [slot.name for slot in self.record.slots if slot.leaving]
        assert not self.made.fleet.kubernetes.cordoned
        assert self.secrets() == set(self.record.secrets)

    def check_removed(self) -> None:
        """Nothing is left of the cluster: no machine, no secret, no public key, and no group of its
        own."""
        self.check_ended()
        assert self.record.state == "deleted", self.record
        assert not self.cloud.machines
        assert not self.secrets()
        assert not self.store.public_keys(CLUSTER)
        left = self.cloud.group
        assert left is None or "slipway-owner" not in left.tags


def instance(generation: int) -> str:
    return names.instance_id(CLUSTER, generation)


@contextmanager
def installation(cutter: Cutter | None = None) -> Iterator[Installation]:
    """Yields an installation. Azure takes seconds, so that a run takes few turns."""
    with ExitStack() as stack:
        for name in ("NETWORK_SECONDS", "MACHINES_SECONDS", "POWER_SECONDS"):
            stack.enter_context(patch(f"lab.simulation.azure.{name}", 5.0))
        stack.enter_context(patch("lab.simulation.machines.BOOT_SECONDS", 1.0))
        made = stack.enter_context(simulation(SCENARIO))
        app = Installation(made, cutter or Cutter())
        for module in ("activities.record_events", "runs.refused_tags"):
            stack.enter_context(patch(f"{module}.SlackWebhook", app.slack))
        yield app


def until_answered(app: Installation, request: Callable[[Installation], Any]) -> Any:
    """Sends a request again until it is answered, as a client or Event Grid does. The engine goes
    on meanwhile."""
    for _ in range(TRIES):
        try:
            return request(app)
        except UnansweredError as error:
            last = error
        app.run()
    raise AssertionError(f"the request is not answered: {last}")
