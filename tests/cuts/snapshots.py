"""Copies what an installation keeps, so that a test prepares it once and begins there often."""

import copy
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from tests.cuts.installation import Installation, installation

type Prepare = Callable[[Installation], None]
type State = dict[tuple[str, str], Any]

# What activities change.
OUTSIDE = {
    "blobs": ("content", "_metadata", "written"),
    "vault": ("secrets", "tags"),
    "cloud": ("group", "deployments", "machines", "power", "tags", "of_workers"),
    "clock": ("seconds", "_due"),
    "fleet": ("first_asked", "delays", "runs", "bundles", "inventories", "accepted"),
    "kubernetes": (
        "cordoned",
        "pods",
        "deleted",
        "held",
        "_ends",
        "changed",
        "away",
        "encryption",
        "started",
        "reads",
        "admins",
        "narrowed",
    ),
    "etcd": ("left", "data", "prepared", "stopped", "without_tool", "secrets"),
    "updates": ("packages", "kernels", "boots", "restarted", "_ends", "_back"),
    "slack": ("posts",),
    "cutter": ("done",),
}
ENGINE = {
    "engine": ("_instances", "_executions", "_next_completion_token", "kept"),
    "app": ("erased", "lost"),
}


def keep(app: Installation) -> State:
    """Returns what activities change, as it is now."""
    return {
        (part, name): copy.copy(getattr(holder, name))
        for holder, part, name in _places(app, OUTSIDE)
    }


def put_back(app: Installation, state: State) -> None:
    for holder, part, name in _places(app, OUTSIDE):
        setattr(holder, name, copy.copy(state[part, name]))


def restore(app: Installation, prepare: Prepare) -> None:
    """Brings a new installation to where `prepare` leads."""
    put_back(app, copy.deepcopy(_prepared(prepare)))
    kept = copy.deepcopy(_prepared(prepare))
    for holder, part, name in _places(app, ENGINE):
        setattr(holder, name, kept[part, name])
    # No ETag of the copy is given again.
    app.store.blobs._etags = itertools.count(100_000)


@functools.cache
def _prepared(prepare: Prepare) -> State:
    with installation() as app:
        prepare(app)
        app.run()
        app.made.clock._due.clear()
        found = {
            (part, name): getattr(holder, name)
            for holder, part, name in _places(app, OUTSIDE | ENGINE)
        }
        return copy.deepcopy(found)


def _places(app: Installation, parts: dict[str, tuple[str, ...]]) -> Iterator[tuple[Any, str, str]]:
    made = app.made
    holders: dict[str, Any] = {
        "blobs": app.store.blobs,
        "vault": made.services.vault._client,
        "cloud": app.cloud,
        "clock": made.clock,
        "engine": app.engine,
        "fleet": made.fleet,
        "kubernetes": made.fleet.kubernetes,
        "etcd": made.fleet.etcd,
        "updates": made.fleet.updates,
        "slack": app.slack,
        "cutter": app.cutter,
        "app": app,
    }
    for part, names in parts.items():
        yield from ((holders[part], part, name) for name in names)
