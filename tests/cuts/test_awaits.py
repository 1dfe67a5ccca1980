"""A run that is interrupted at any await of its orchestrator is completed by a repeat of its
request, and a removal leaves nothing.

The awaits are found while a run goes through them, so that one that is added later is interrupted,
too: after each turn, before anything that it asked for was done, and after each activity, before
its result arrived. Each await runs through one interruption, and with --all through every one.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest
from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf import wrappers_pb2

from dev.variables import EVERYTHING
from tests.cuts.awaits import Await, Watch
from tests.cuts.cutter import MANY, CutError
from tests.cuts.installation import Installation, installation
from tests.cuts.snapshots import restore
from tests.cuts.states import larger, launched, nothing, ready

type Act = Callable[[Installation], None]
# What creates, changes or removes.
CHANGES = (
    "groups.create",
    "groups.replace_tags",
    "groups.begin_delete",
    "resources.begin_delete",
    "deployments.start",
    "compute.start",
    "compute.deallocate",
    "vault.set_if_absent",
    "vault.replace",
    "vault.delete",
)


@dataclass
class Interruption:
    """`act` is done at the await. `after`: what its sender does when nothing goes on any more."""

    act: Act
    after: Act


def drop(app: Installation) -> None:
    """What the engine has handed out is executed long after."""
    app.late += app.engine._activity_queue
    app.engine._activity_queue.clear()


def terminate(app: Installation) -> None:
    drop(app)
    app.terminate(app.record.generation)


def lose(app: Installation) -> None:
    """The engine's storage was lost."""
    drop(app)
    lost = app.record.operation.instance_id
    app.lost.add(lost)
    app.engine._instances.pop(lost)


def cancel(app: Installation) -> None:
    """Whoever comes too late is told that nothing runs."""
    assert app.cancel().status_code in (202, 409)


def delete(app: Installation) -> None:
    assert app.delete().status_code in (202, 404)


def claim_removal(app: Installation) -> None:
    """The process that removes the cluster dies when it has claimed the removal: it cancels nothing
    and starts nothing."""
    cutter = app.cutter
    cutter.number, cutter.at, cutter.after = MANY, "blobs.write", True
    with suppress(CutError), cutter.process():
        app.delete()
    cutter.at = ""


def start(app: Installation) -> None:
    """A removal keeps others out; a run is joined."""
    assert app.put().status_code in (202, 409)


def repeat_last(app: Installation) -> None:
    """The result of the activity was lost, and it is executed again."""
    if app.engine.last is not None:
        app.engine.acted = lambda *_: None
        app.engine._act(app.engine.last)


def is_there(app: Installation) -> None:
    if app.record.state != "ready":
        start(app)
        app.run()
    app.check_exists()


def is_gone(app: Installation) -> None:
    delete(app)
    app.run()
    app.check_removed()


def is_there_and_goes(app: Installation) -> None:
    is_there(app)
    is_gone(app)


def comes_and_goes(app: Installation) -> None:
    """The removal goes on, and the cluster can be launched again."""
    is_gone(app)
    is_there(app)


OF_A_LAUNCH = {
    "terminated": Interruption(terminate, is_there_and_goes),
    "terminated and removed": Interruption(terminate, is_gone),
    "lost": Interruption(lose, is_there_and_goes),
    "cancelled": Interruption(cancel, is_there_and_goes),
    "cancelled and removed": Interruption(cancel, is_gone),
    "superseded by a removal": Interruption(delete, is_gone),
    "superseded without a cancel": Interruption(claim_removal, is_gone),
    "started again": Interruption(start, is_there_and_goes),
    "repeated": Interruption(repeat_last, is_there_and_goes),
}
OF_A_REMOVAL = {
    "terminated": Interruption(terminate, is_gone),
    "terminated and launched": Interruption(terminate, is_there_and_goes),
    "lost": Interruption(lose, is_gone),
    "deleted again": Interruption(delete, is_gone),
    "cancelled": Interruption(cancel, is_gone),
    "started": Interruption(start, comes_and_goes),
    "repeated": Interruption(repeat_last, is_gone),
}


@dataclass(frozen=True)
class Run:
    """`before`: what was done before. `begin`: begins the run that is interrupted."""

    before: Act
    begin: Act
    generation: int
    interruptions: dict[str, Interruption]


RUNS = {
    "launch": Run(nothing, start, 1, OF_A_LAUNCH),
    "removal of a node": Run(larger, start, 2, OF_A_LAUNCH),
    "removal": Run(ready, delete, 2, OF_A_REMOVAL),
    "removal from a group that is kept": Run(launched, delete, 2, OF_A_REMOVAL),
}


def awaits(run: Run) -> list[tuple[int, Await]]:
    """Returns every await of the run in the order of its first time, each with its number."""
    with installation() as app:
        restore(app, run.before)
        watch = Watch(app, run.generation, -1, nothing)
        with watch.watching():
            run.begin(app)
            app.run()
        first = {each: number for number, each in reversed(list(enumerate(watch.seen)))}
        return sorted((number, each) for each, number in first.items())


def interrupted(run: Run, interruption: Interruption, number: int) -> None:
    with installation() as app:
        restore(app, run.before)
        watch = Watch(app, run.generation, number, interruption.act)
        with watch.watching():
            run.begin(app)
            app.run()
        assert len(watch.seen) > number, "the await was not reached"
        interruption.after(app)
        app.check_once()
        execute_late(app)


def execute_late(app: Installation) -> None:
    """Executes what the engine had handed out before the interruption: it changes nothing."""
    before, (machines, secrets) = len(app.cutter.done), (dict(app.cloud.machines), app.secrets())
    for one in app.late:
        request = pb.ActivityRequest(
            name=one.name,
            taskId=one.task_id,
            input=wrappers_pb2.StringValue(value=one.input),
            orchestrationInstance=pb.OrchestrationInstance(instanceId=one.instance_id),
        )
        app.engine._act(request)
    changed = [name for name, _ in app.cutter.done[before:] if name in CHANGES]
    assert changed == []
    assert (app.cloud.machines, app.secrets()) == (machines, secrets)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_a_repeat_completes_a_run_that_was_interrupted_at_any_await(run: Run) -> None:
    found, ways = awaits(run), list(run.interruptions.items())
    assert len(found) > len(ways)
    everything = bool(os.environ.get(EVERYTHING))
    for place, (number, each) in enumerate(found):
        # In a short test, some awaits of each kind, and each way some times.
        chosen = ways if everything else [ways[place // 3 % len(ways)]] if place % 3 == 0 else []
        for name, interruption in chosen:
            try:
                interrupted(run, interruption, number)
            except Exception as error:
                error.add_note(f"{name} at await {number}: {each}")
                raise
