"""An activity that is killed at any of its calls does the same when it is executed again.

Each execution of a whole launch and a whole removal is cut before and after each call that it makes
to storage, the vault, Azure, a machine or Slack, and then executed again on what the killed one
left. What it answers and what there is afterwards is compared with an undisturbed execution. Calls
are counted where they are made, so a call that is added later is cut too.
"""

import functools
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

import activities
from clients.azure.arm import Resource
from clients.azure.validation import ArmError
from cluster.names import CREDENTIALS
from lab.simulation.azure import Groups
from tests.cuts.cutter import MANY, CutError
from tests.cuts.installation import CLUSTER, Installation, installation
from tests.cuts.snapshots import keep, put_back, restore
from tests.cuts.states import (
    backed_up,
    held,
    larger,
    launched,
    nothing,
    of_three_members,
    ready,
    updating,
)

type Execute = Callable[[], Any]
type Story = Callable[[Installation], None]
# What an execution that follows a lost answer may answer differently: a message of Slack is posted
# once at most, a node is told as new once at most, and a machine whose start was requested before
# is told as one that does not run yet.
ONCE = {
    "drain_nodes": ("newly",),
    "post_slack": ("posted", "reason"),
    "probe_nodes": ("newly",),
    "wake_nodes": ("started",),
}
# These go one step on with each execution, until they are done.
STEPWISE = ("cancel_deployments", "delete_machines", "delete_resources")
STEPS = 20
# Keys are made again if they were not stored.
OF_KEYS = f"clusters/{CLUSTER}/public-keys.json"


@dataclass
class Executions:
    """Cuts every execution of an activity.

    Attributes:
        cuts: the number of cuts by activity.
        faults: what a repeated execution did otherwise than an undisturbed one.
    """

    app: Installation
    cuts: Counter[str] = field(default_factory=Counter[str])
    faults: list[str] = field(default_factory=list[str])

    @contextmanager
    def cutting(self) -> Iterator[None]:
        engine = self.app.engine
        call = engine._call

        def cut(kind: str, name: str, payload: str, converter: Any) -> Any:
            def execute() -> Any:
                return call(kind, name, payload, converter)

            if kind == "ActivityTrigger":
                self._cut_everywhere(name, execute)
            return execute()

        engine._call = cut
        try:
            yield
        finally:
            del engine._call

    def _cut_everywhere(self, name: str, execute: Execute) -> None:
        app, cutter, before = self.app, self.app.cutter, keep(self.app)
        began = app.made.clock.seconds
        cutter.number, cutter.calls = MANY, []
        with cutter.process():
            answer = execute()
        calls = list(cutter.calls)
        answer, wanted = self._completed(name, answer, execute), seen(app)
        for number, after in itertools.product(range(len(calls)), (False, True)):
            put_back(app, before)
            cutter.number, cutter.after, cutter.calls = number, after, []
            with suppress(CutError), cutter.process():
                execute()
            # Later, more may have happened: nodes report, and a play goes on.
            app.made.clock.seconds = began
            self.cuts[name] += 1
            place = f"{name} cut {'after' if after else 'before'} {calls[number]}"
            assert cutter.calls == calls[: number + 1]
            try:
                again = self._completed(name, execute(), execute)
            except Exception as error:
                self.faults.append(f"{place}: {error}")
                continue
            self.faults += differences(name, answer, again, place)
            self.faults += changes(seen(app), wanted, place)
        put_back(app, before)
        cutter.number = MANY

    def _completed(self, name: str, answer: Any, execute: Execute) -> Any:
        """Executes an activity that goes step by step until it is done."""
        for _ in range(STEPS if name in STEPWISE else 0):
            if answer["state"] != "wait":
                break
            for _, _, action in self.app.made.clock._due:
                # Azure goes on, and nothing else.
                if isinstance(getattr(action, "__self__", None), Groups):
                    action()
            answer = execute()
        return answer


def differences(name: str, wanted: Any, found: Any, place: str) -> list[str]:
    left_out = ("retry_after", *ONCE.get(name, ()))
    return [
        f"{place}: {field} is {found[field]}, not {wanted[field]}"
        for field in wanted
        if field not in left_out and found[field] != wanted[field]
    ]


def seen(app: Installation) -> dict[str, Any]:
    """What there is: contents of blobs, names and tags of secrets, and what Azure has."""
    contents = app.store.blobs.content
    left_out = ("/slack/", "/removal.json")
    blobs = {
        name: content
        for name, (content, _) in contents.items()
        if not any(part in name for part in left_out)
    }
    cloud = app.cloud
    return {
        "blobs": blobs
        | ({OF_KEYS: sorted(json.loads(blobs[OF_KEYS]))} if OF_KEYS in blobs else {}),
        "secrets": dict(app.made.services.vault.tags) if app.secrets() else {},
        "group": cloud.group,
        "deployments": set(cloud.deployments),
        "machines": set(cloud.machines),
        "power": {name: state for name, (state, _) in cloud.power.items()},
        "plays": set(app.made.fleet.runs),
        "restarted": list(app.made.fleet.updates.restarted),
        "cordoned": set(app.made.fleet.kubernetes.cordoned),
        "deleted nodes": set(app.made.fleet.kubernetes.deleted),
        "posts": len(set(app.slack.posts)),
    }


def changes(found: dict[str, Any], wanted: dict[str, Any], place: str) -> list[str]:
    return [
        f"{place}: {part} is {found[part]}, not {wanted[part]}"
        for part in wanted
        if found[part] != wanted[part] and not (part == "posts" and found[part] < wanted[part])
    ]


def launch(app: Installation) -> None:
    app.put()
    app.run()
    app.check_exists()


def resume(app: Installation) -> None:
    """The machines exist, and one of them rests."""
    app.cloud.power[f"{CLUSTER}-worker-0"] = ("deallocated", 0.0)
    ready_at = app.made.clock.seconds + 30.0
    app.made.fleet.ready_after = lambda *_: ready_at
    launch(app)


def launch_that_fails(app: Installation) -> None:
    app.cloud.failing = ArmError("SkuNotAvailable", "no such size", ())
    app.put()
    app.run()
    assert app.record.state == "failed"


def cancel_of(seconds: float) -> Story:
    def cancel(app: Installation) -> None:
        app.put()
        app.run_for(seconds)
        app.cancel()
        app.run()
        assert app.record.state == "cancelled"

    return cancel


def remove(app: Installation) -> None:
    app.delete()
    app.run()
    app.check_removed()


def remove_beside_others(app: Installation) -> None:
    others = Resource("/others/disk", "Microsoft.Compute/disks", "disk", {"team": "b"})
    app.cloud.others.append(others)
    app.delete()
    app.run()
    app.check_removed()


def remove_node(app: Installation) -> None:
    assert app.delete_node(f"{CLUSTER}-worker-0").status_code == 202
    app.run()
    app.check_exists()
    assert f"{CLUSTER}-worker-0" not in app.cloud.machines


def remove_node_that_is_held(app: Installation) -> None:
    app.put(drain={"deadlineSeconds": 60})
    app.run()
    assert app.record.cause is not None
    assert app.record.cause.code == "DrainBlocked"
    assert not app.made.fleet.kubernetes.cordoned


def replace(node: str) -> Story:
    def story(app: Installation) -> None:
        before = app.cloud.machines[f"{CLUSTER}-{node}"]
        assert app.replace_node(f"{CLUSTER}-{node}").status_code == 202
        app.run()
        app.check_exists()
        assert app.cloud.machines[f"{CLUSTER}-{node}"] > before

    return story


def back_up(app: Installation) -> None:
    assert app.back_up().status_code == 202
    app.run()
    app.check_exists()


def restore_backup(app: Installation) -> None:
    assert app.restore("000002").status_code == 202
    app.run()
    app.check_exists()
    assert {number for number, _ in app.made.fleet.etcd.data.values()} == {3}
    assert not app.made.fleet.etcd.stopped
    assert not app.made.fleet.kubernetes.away


def restore_without_a_tool(app: Installation) -> None:
    app.made.fleet.etcd.without_tool = {f"{CLUSTER}-etcd-0"}
    assert app.restore("000002").status_code == 202
    app.run()
    assert not app.made.fleet.etcd.data
    assert not app.made.fleet.etcd.stopped


def upgrade(app: Installation) -> None:
    """Of the worker: an earlier run has upgraded the control plane."""
    kubernetes = app.made.fleet.kubernetes
    kubernetes.manifest = "1.36.3"
    kubernetes.versions = {f"{CLUSTER}-control-plane-0": "1.36.3"}
    assert app.put(kubernetes={"version": "1.36.3"}).status_code == 202
    app.run()
    app.check_exists()
    nodes = app.made.fleet.node_roles()
    assert kubernetes.versions == dict.fromkeys(nodes, "1.36.3")
    assert not kubernetes.cordoned


def maintain(app: Installation) -> None:
    assert app.maintain().status_code == 202
    app.run()
    app.check_exists()


def rotate(credential: str) -> Story:
    def story(app: Installation) -> None:
        assert app.rotate(credential).status_code == 202
        app.run()
        app.check_exists()
        assert not app.record.rotations

    return story


def update_machines(app: Installation) -> None:
    maintain(app)
    assert app.made.fleet.updates.restarted == [f"{CLUSTER}-worker-0"]
    assert not app.made.fleet.updates.packages
    assert not app.made.fleet.kubernetes.cordoned


STORIES: dict[str, tuple[Story, Story]] = {
    "launch": (nothing, launch),
    "resume": (ready, resume),
    "failure": (nothing, launch_that_fails),
    "cancel of the deployments": (nothing, cancel_of(12.0)),
    "cancel of the play": (nothing, cancel_of(60.0)),
    "removal of a node": (larger, remove_node),
    "removal of a node that is held": (held, remove_node_that_is_held),
    "replacement of a worker": (ready, replace("worker-0")),
    "replacement of a member": (of_three_members, replace("etcd-1")),
    "backup": (ready, back_up),
    "restore": (backed_up, restore_backup),
    "restore that is undone": (backed_up, restore_without_a_tool),
    "upgrade": (ready, upgrade),
    "maintenance": (ready, maintain),
    **{f"rotation of the {one}": (ready, rotate(one)) for one in CREDENTIALS},
    "security updates": (updating, update_machines),
    "removal": (ready, remove),
    "removal beside others": (ready, remove_beside_others),
    "removal from a group that is kept": (launched, remove),
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_an_activity_that_was_killed_at_any_call_does_the_same_again(story: Any) -> None:
    executions = cut_all(*story)
    assert executions.faults == []
    assert all(count > 1 for count in executions.cuts.values()), executions.cuts


def test_every_activity_is_cut() -> None:
    cut: Counter[str] = Counter()
    for story in STORIES.values():
        cut += cut_all(*story).cuts
    assert set(cut) == {each.contract.name for each in activities.ALL}


@functools.cache
def cut_all(before: Story, run: Story) -> Executions:
    with installation() as app:
        restore(app, before)
        executions = Executions(app)
        with executions.cutting():
            run(app)
        return executions
