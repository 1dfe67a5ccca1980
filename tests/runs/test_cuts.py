"""A request or an event that is cut at any of its calls is completed by its repeat.

Every call of the blobs, the engine and the other services is cut once: before it does anything, and
after it was done but before its answer arrived. Calls are counted where they are made, so a call
that is added later is cut too.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import azure.functions as func
import pytest

from clients.azure.blobs import Conflict
from clients.errors import Transient
from cluster.closing import closed
from cluster.contracts import FinishInput, RunRef
from runs import refused_tags
from runs.claims import claim_delete, claim_reconcile
from runs.starts import ClaimContext
from tests.cuts.cutter import MANY, CutError, Cutter
from tests.runs.memory import LooseEngine, new_context, spec
from tests.triggers.sample_answers import installation
from tests.triggers.test_groups import (
    GOOD_TAG,
    REFUSED_TAG,
    Installation,
    deliver,
    group_event,
)
from triggers import clusters, groups, requests

WRITTEN = group_event("ResourceWriteSuccess", "write")
GONE = group_event("ResourceDeleteSuccess", "delete")


@dataclass
class World:
    """One installation, whose services the cutter counts."""

    app: Installation
    context: ClaimContext
    engine: LooseEngine
    cutter: Cutter

    def finish(self, name: str) -> None:
        """The engine runs the cluster's operation to its end, if it was started."""
        record, etag = self.context.store.need_record(name)
        operation = record.operation
        assert operation is not None
        if self.engine.states.get(operation.instance_id) != "RUNNING":
            return
        ended = FinishInput(cluster=name, generation=record.generation, result="succeeded")
        self.context.store.save_result(ended)
        self.engine.states[operation.instance_id] = "COMPLETED"
        self.context.store.save_record(closed(record, ended), etag)


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Callable[[Cutter], World]:
    def made(cutter: Cutter) -> World:
        context = new_context()
        engine: Any = context.engine
        app = Installation(context)
        app.tag = GOOD_TAG
        store: Any = context.store
        store.blobs = cutter.every_method(store.blobs)
        cut = ClaimContext(store, cutter.every_method(engine), slack=False)
        services = cutter.every_method(app)
        for module in (groups, refused_tags, clusters, requests):
            monkeypatch.setattr(module, "services", lambda: services)
        monkeypatch.setattr(app, "groups", services, raising=False)
        monkeypatch.setattr(app, "vault", services, raising=False)
        monkeypatch.setattr(groups, "claim_context", lambda _: cut)
        monkeypatch.setattr(refused_tags, "SlackWebhook", services.webhook)
        return World(app, cut, engine, cutter)

    return made


def put(world: World) -> None:
    claim_reconcile(world.context, spec(), "ada")


def delete(world: World) -> None:
    claim_delete(world.context, "demo", "ada")


def event(world: World) -> None:
    error = deliver(WRITTEN)
    assert error is None or isinstance(error, groups.RepeatedEventError)


def gone(world: World) -> None:
    deliver(GONE)


def nothing(world: World) -> None:
    del world


def running(world: World) -> None:
    put(world)


def ended(world: World) -> None:
    put(world)
    world.finish("demo")


def removed(world: World) -> None:
    ended(world)
    delete(world)
    world.finish("demo")


def tagged(world: World) -> None:
    event(world)
    world.finish("team-a")


def created_again(world: World) -> None:
    tagged(world)
    world.app.gone = True
    gone(world)
    world.finish("team-a")
    world.app.gone = False


def to_be_refused(world: World) -> None:
    world.app.tag = REFUSED_TAG


def group_gone(before: Callable[[World], None]) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        before(world)
        world.app.gone = True

    return prepare


# What was before, the request, its cluster, the kind of run and its generation (None: no run).
CASES: dict[str, tuple[Callable[[World], None], Callable[[World], None], str, str, int | None]] = {
    "start": (nothing, put, "demo", "reconcile_cluster", 1),
    "start again": (ended, put, "demo", "reconcile_cluster", 2),
    "start after a removal": (removed, put, "demo", "reconcile_cluster", 3),
    "delete": (ended, delete, "demo", "delete_cluster", 2),
    "delete of a cluster that runs": (running, delete, "demo", "delete_cluster", 2),
    "event of a tagged group": (nothing, event, "team-a", "reconcile_cluster", 1),
    "event of a group that was created again": (
        created_again,
        event,
        "team-a",
        "reconcile_cluster",
        3,
    ),
    "event of a refused tag": (to_be_refused, event, "team-a", "", None),
    "event of a deleted group": (group_gone(tagged), gone, "team-a", "delete_cluster", 2),
}


def cuts(
    make: Callable[[Cutter], World],
    before: Callable[[World], None],
    request: Callable[[World], None],
) -> Iterator[World]:
    """Yields the installation after each cut of the request. Each is a new one."""
    for after in (False, True):
        for number in range(MANY):
            cutter = Cutter(number, after)
            world = make(cutter)
            before(world)
            try:
                with cutter.process():
                    request(world)
            except CutError:
                yield world
            else:
                assert number > 2, "nothing was cut"
                break
        else:
            raise AssertionError("the request makes ever more calls")


@pytest.mark.parametrize("case", CASES)
def test_a_repeat_completes_what_was_cut_at_any_call(
    make: Callable[[Cutter], World], case: str
) -> None:
    before, request, name, kind, generation = CASES[case]
    for world in cuts(make, before, request):
        for _ in range(2):
            request(world)
        started = [i for i in world.engine.starts if i[1].startswith(f"{name}-")]
        assert len(set(started)) == len(started), world.cutter.calls
        record = world.app.store.need_record(name)[0]
        if generation is None:
            assert started == []
            assert len(world.app.store.events(RunRef(cluster=name, generation=0))) == 1
            assert len(world.app.posts) in (1, 2)
            continue
        assert record.operation is not None
        assert record.generation == generation, world.cutter.calls
        assert started[-1] == (kind, f"{name}-{generation:06d}"), world.cutter.calls
        assert world.engine.states[record.operation.instance_id] == "RUNNING"
        if kind == "delete_cluster" and case.endswith("runs"):
            assert {instance for instance, _ in world.engine.raised} == {f"{name}-000001"}
        world.finish(name)
        final = world.app.store.need_record(name)[0].state
        assert final == ("deleted" if kind == "delete_cluster" else "ready")


@pytest.mark.parametrize("after", [False, True])
def test_a_cancel_that_was_cut_is_completed_by_its_repeat(*, after: bool) -> None:
    asked = func.HttpRequest(
        "POST",
        "https://app/api/clusters/demo/cancel",
        route_params={"name": "demo"},
        body=b"",
    )
    for number in range(MANY):
        with installation() as app:
            app.fill()
            cutter = Cutter(number, after)
            sent: list[str] = []
            client = app.client
            client.raise_orchestration_event = lambda instance, *_, sent=sent, **__: sent.append(
                instance
            )
            counted = cutter.every_method(client)
            store: Any = app.store
            store.blobs = cutter.every_method(store.blobs)
            try:
                with cutter.process():
                    answer = clusters.cancel_cluster(asked, counted)
            except CutError:
                answer = clusters.cancel_cluster(asked, counted)
                assert answer.status_code == 202
                assert set(sent) == {"demo-000001"}
                continue
            assert answer.status_code == 202
            assert number > 1
            return
    raise AssertionError("the cancel makes ever more calls")


def test_two_starts_that_are_cut_at_any_call_make_one_run(
    make: Callable[[Cutter], World],
) -> None:
    """The second caller comes while the first one is cut, and is cut at the same place."""
    for world in cuts(make, nothing, put):
        number = len(world.cutter.calls)
        world.cutter.number = number + 3
        with suppress(CutError, Conflict, Transient), world.cutter.process():
            put(world)
        put(world)
        assert world.engine.starts == [("reconcile_cluster", "demo-000001")]
