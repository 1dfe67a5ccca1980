"""A request or an event that is cut at any of its calls is completed by its repeat.

Every call of the blobs, the engine and Azure is cut: before it does anything, and after it was done
but before its answer arrived. Calls are counted where they are made, so a call that is added later
is cut too. Then the real orchestrators run to their end on the engine, and what is left is checked.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.errors import Refused
from tests.cuts.cutter import MANY, CutError, Cutter
from tests.cuts.installation import CLUSTER, Installation, installation, until_answered
from tests.cuts.snapshots import restore
from tests.cuts.states import (
    badly_tagged,
    cancelled,
    changed_tag,
    created_again,
    created_again_while_removed,
    failed,
    going_on_and_gone,
    larger,
    launched_and_gone,
    lost,
    nothing,
    ready,
    removed,
    running,
    tagged,
    unreadable,
    without_any_blob,
    without_record,
)

NODE = f"{CLUSTER}-worker-0"
type Step = Callable[[Installation], Any]


def exists(app: Installation) -> None:
    app.check_exists()


def is_removed(app: Installation) -> None:
    app.check_removed()


def is_cancelled(app: Installation) -> None:
    app.check_ended()
    assert app.record.state in ("cancelled", "ready")


def is_forgotten(app: Installation) -> None:
    assert app.store.record(CLUSTER) is None
    assert len(app.store.blobs.list("forgotten/")) == 1


def told_once(app: Installation) -> None:
    told = app.store.blobs.read(f"clusters/{CLUSTER}/runs/000000/events.jsonl")
    assert told
    assert told[0].count(b"\n") == 1
    assert app.slack.posts


@dataclass(frozen=True)
class Operation:
    """`before`: what was done before. `request`: what is cut and repeated. `end`: checks what there
    is at the end. `then`: what goes on when the request comes."""

    before: Step
    request: Step
    end: Step
    then: Step = nothing


def put(app: Installation) -> Any:
    return app.put()


def put_other(app: Installation) -> Any:
    return app.put(controller={"keep": True})


def delete_node(app: Installation) -> Any:
    """It is answered with 404 when the node is gone."""
    return app.delete_node(NODE)


def node_is_removed(app: Installation) -> None:
    app.check_exists()
    assert NODE not in app.cloud.machines
    assert len(app.cloud.machines) == 4


def adopt(app: Installation) -> Any:
    return app.put("?adopt=true")


def delete(app: Installation) -> Any:
    return app.delete()


def cancel(app: Installation) -> Any:
    return app.cancel()


def forget(app: Installation) -> Any:
    return app.forget()


def written(app: Installation) -> None:
    app.written()


def gone(app: Installation) -> None:
    app.gone()


OPERATIONS = {
    "start": Operation(nothing, put, exists),
    "start of a ready cluster": Operation(ready, put, exists),
    "change of a ready cluster": Operation(ready, put_other, exists),
    "start of a failed cluster": Operation(failed, put, exists),
    "start after a cancel": Operation(cancelled, put, exists),
    "start after a lost run": Operation(lost, put, exists),
    "start after a removal": Operation(removed, put, exists),
    "adopt without a record": Operation(without_record, adopt, exists),
    "adopt without any blob": Operation(without_any_blob, adopt, exists),
    "cancel": Operation(nothing, cancel, is_cancelled, running),
    "smaller pool": Operation(larger, put, exists),
    "delete of a node": Operation(larger, delete_node, node_is_removed),
    "delete": Operation(ready, delete, is_removed),
    "delete of a failed cluster": Operation(failed, delete, is_removed),
    "delete during a run": Operation(nothing, delete, is_removed, running),
    "delete after a lost run": Operation(lost, delete, is_removed),
    "forget": Operation(unreadable, forget, is_forgotten),
    "event of a tagged group": Operation(tagged, written, exists),
    "event of a group that was created again": Operation(created_again, written, exists),
    "event of a group whose cluster is being removed": Operation(
        launched_and_gone, written, exists, created_again_while_removed
    ),
    "event of a refused tag": Operation(badly_tagged, written, told_once),
    "event of a changed tag": Operation(changed_tag, written, told_once),
    "event of a deleted group": Operation(launched_and_gone, gone, is_removed),
    "event of a deleted group during a run": Operation(tagged, gone, is_removed, going_on_and_gone),
}


def at_once(app: Installation) -> None:
    del app


def later(app: Installation) -> None:
    """The engine did all that it could meanwhile."""
    app.run()


def much_later(app: Installation) -> None:
    """The claim is too old for its claimant to start it still."""
    app.run()
    found = None
    with suppress(Refused):  # a record that cannot be read has no claim that gets old
        found = app.store.record(CLUSTER)
    if found and found[0].operation:
        old = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="milliseconds")
        operation = found[0].operation.model_copy(update={"started_at": old})
        app.store.save_record(found[0].model_copy(update={"operation": operation}), found[1])


def cuts(operation: Operation) -> Iterator[tuple[Installation, Cutter]]:
    """Yields the installation after each cut of the request. Each is a new one."""
    for after in (False, True):
        for number in range(MANY):
            cutter = Cutter(number, after)
            with installation(cutter) as app:
                restore(app, operation.before)
                operation.then(app)
                try:
                    with cutter.process():
                        until_answered(app, operation.request)
                except CutError:
                    yield app, cutter
                    continue
            assert number > 1, "nothing was cut"
            break


# The operations whose cuts are quick; `tests/runs/test_cuts.py` cuts claims on a stand-in of the
# engine. The others take minutes.
QUICK = ("start", "cancel", "delete", "forget", "event of a refused tag")
WAYS = [
    pytest.param(
        operation,
        repeat,
        id=f"{name}, {repeat.__name__}",
        marks=() if name in QUICK and repeat is at_once else pytest.mark.long,
    )
    for name, operation in OPERATIONS.items()
    for repeat in (at_once, later, much_later)
]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("operation", "repeat"), WAYS)
def test_a_repeat_completes_what_was_cut_at_any_call(operation: Operation, repeat: Step) -> None:
    for app, cutter in cuts(operation):
        try:
            repeat(app)
            for _ in range(2):
                until_answered(app, operation.request)
            app.run()
            operation.end(app)
            app.check_once()
        except Exception as error:
            place = "after" if cutter.after else "before"
            error.add_note(f"cut {place} the last of {cutter.calls}")
            raise
