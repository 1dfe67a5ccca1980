"""Whole replacements on simulated time: the app's own orchestrator and activities."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest

from cluster.contracts import CANCEL_EVENT, FINISH_RUN, FinishInput, RunRef
from cluster.events import Event
from cluster.machine_forms import MachineForm
from cluster.record import ClusterRecord
from cluster.spec import ClusterSpec
from cluster.spec_rules import parse_spec
from cluster.turns import SURVEY
from lab.simulation.run import Scenario, Simulation, simulation
from orchestrators.replace_nodes import PHASES
from planning.dry_run import dry_run
from planning.inspection import machine_forms_of
from planning.turns import turn_of
from runs.previous import BusyError
from tests.activities.world import World

# Three control planes, three etcd members, five workers.
BIG = Scenario(11, ready=30.0, play=5.0, tasks=12, cluster="demo", pool="worker")


@pytest.fixture
def made() -> Iterator[Simulation]:
    """A cluster that is as asked. Its launch is not simulated, to save time."""
    with simulation(BIG) as found:
        with patch.object(found.engine, "begin", lambda *_: None):
            found.apply()
        world = World(found)
        world.deployed()
        world.call(FINISH_RUN, result="succeeded", finished_at="2026-01-05T09:00:00Z")
        yield found


def replaced(made: Simulation, node: str, *, force: bool = False) -> FinishInput:
    return ended(made, made.replace(node, force=force).operation.generation)


def ended(made: Simulation, generation: int) -> FinishInput:
    made.engine.finish()
    result = made.result(generation)
    assert result is not None
    return result


def record_of(made: Simulation) -> ClusterRecord:
    return made.services.store.need_record("demo")[0]


def events(made: Simulation) -> list[Event]:
    ref = RunRef(cluster="demo", generation=record_of(made).generation)
    return made.services.store.events(ref)


def machines(made: Simulation) -> dict[str, float]:
    return dict(made.services.cloud.machines)


def changed(made: Simulation, before: dict[str, float]) -> set[str]:
    """The machines that are not those that were there before."""
    now = machines(made)
    assert now.keys() == before.keys()
    return {name for name in now if now[name] != before[name]}


def calls(made: Simulation) -> list[str]:
    histories = made.engine.kept[f"demo-{record_of(made).generation:06}"]
    return [
        event.taskScheduled.name
        for events in histories
        for event in events
        if event.HasField("taskScheduled")
    ]


@pytest.mark.parametrize("node", ["demo-worker-1", "demo-control-plane-0", "demo-etcd-2"])
def test_only_the_named_machine_is_a_new_one(made: Simulation, node: str) -> None:
    before, slots = machines(made), record_of(made).slots
    result = replaced(made, node)
    assert (result.result, result.percent) == ("succeeded", 100)
    assert [(phase.name, phase.state) for phase in result.phases] == [(n, "done") for n in PHASES]
    assert changed(made, before) == {node}
    record = record_of(made)
    assert (record.state, record.slots) == ("ready", slots)
    assert made.fleet.kubernetes.cordoned == set()
    (told,) = [event for event in events(made) if event.kind == "nodes.replacing"]
    assert (told.nodes, told.count) == ((node,), 1)


def test_a_member_leaves_etcd_before_its_machine_goes_and_needs_no_api_server(
    made: Simulation,
) -> None:
    assert replaced(made, "demo-etcd-0").result == "succeeded"
    names = calls(made)
    assert names.index("check_members") < names.index("release_members")
    assert names.index("release_members") < names.index("delete_machines")
    assert names.index("forget_nodes") < names.index(
        "start_deployment", names.index("forget_nodes")
    )
    assert made.fleet.etcd.removed == ["https://10.0.2.4:2380"]
    assert made.fleet.kubernetes.deleted == []


def test_a_member_stays_if_the_others_have_no_majority(made: Simulation) -> None:
    before, slots = machines(made), record_of(made).slots
    made.fleet.etcd.unhealthy = {"demo-etcd-2": "no leader"}
    result = replaced(made, "demo-etcd-0")
    assert result.cause is not None
    assert (result.result, result.cause.code, result.cause.place) == (
        "failed",
        "QuorumAtRisk",
        "demo-etcd-0",
    )
    assert "demo-etcd-2: no leader" in result.cause.message
    advice = "If demo-etcd-0 still has its old machine then, request its replacement again"
    assert result.cause.next_step.endswith(f". {advice}")
    assert (machines(made), record_of(made).slots) == (before, slots)
    assert made.fleet.etcd.removed == []
    assert made.services.cloud.power["demo-controller"][0] == "deallocating"
    # The dead one is replaced.
    assert replaced(made, "demo-etcd-2").result == "succeeded"
    assert changed(made, before) == {"demo-etcd-2"}


def test_a_budget_leaves_the_node_as_it_was(made: Simulation) -> None:
    before = machines(made)
    made.fleet.kubernetes.held = lambda _: "web"
    result = replaced(made, "demo-worker-0")
    assert result.cause is not None
    assert (result.result, result.cause.code) == ("failed", "DrainBlocked")
    assert machines(made) == before
    assert made.fleet.kubernetes.cordoned == set()
    assert not any(slot.leaving for slot in record_of(made).slots)
    assert replaced(made, "demo-worker-0", force=True).result == "succeeded"
    assert changed(made, before) == {"demo-worker-0"}


@pytest.mark.parametrize("way", ["cancelled", "lost"])
@pytest.mark.parametrize(
    ("node", "after"),
    [
        ("demo-worker-0", "drain_nodes"),
        ("demo-worker-0", "delete_machines"),
        ("demo-control-plane-2", "drain_nodes"),
        ("demo-control-plane-2", "start_deployment"),
        ("demo-etcd-1", "release_members"),
        ("demo-etcd-1", "delete_machines"),
    ],
)
def test_a_run_that_ends_early_is_continued_by_the_same_spec(
    made: Simulation, node: str, after: str, way: str
) -> None:
    before = machines(made)
    instance = made.replace(node).operation.instance_id
    seen: list[str] = []

    def acted(_: str, name: str) -> None:
        if name == after and not seen:
            seen.append(name)
            if way == "lost":
                made.engine._instances.pop(instance)
            else:
                made.engine.raise_event(instance, CANCEL_EVENT, "ada")

    made.engine.acted = acted
    made.engine.finish()
    assert seen == [after]
    operation = made.apply().operation
    assert operation.kind == ("replace" if "etcd" in node else "reconcile")
    assert ended(made, operation.generation).result == "succeeded"
    assert changed(made, before) <= {node}
    assert "etcd" not in node or changed(made, before) == {node}
    assert made.fleet.kubernetes.cordoned == set()
    assert not any(slot.leaving for slot in record_of(made).slots)


def with_size(made: Simulation, tier: str, size: str) -> ClusterSpec:
    document = made.scenario.wanted.document()
    part = document["workers"][0] if tier == "worker" else document[tier]
    part["vmSize"] = size
    return parse_spec(document)


def sizes(made: Simulation, tier: str) -> list[str]:
    forms = made.services.cloud.forms
    return [forms[name].size for name in machines(made) if f"-{tier}-" in name]


def test_a_pool_of_another_size_is_rolled_and_goes_on_where_it_was_ended(made: Simulation) -> None:
    """Every moment has as many workers as the spec says. The first run is lost in its second
    turn."""
    old, new = sizes(made, "worker")[0], "Standard_D2s_v5"
    spec, seen, least = with_size(made, "worker", new), list[str](), list[int]()
    shown = {node.name: node.action for node in dry_run(spec).nodes}
    assert [name for name in shown if shown[name] == "create"] == ["demo-worker-5"]
    assert sum(action == "replace" for action in shown.values()) == 5
    claim = made.apply(spec)
    assert claim.operation.kind == "replace"

    def acted(_: str, name: str) -> None:
        least.append(sum("-worker-" in one for one in machines(made)))
        if name == "forget_nodes":
            seen.append(name)
            if len(seen) == 2:
                made.engine._instances.pop(claim.operation.instance_id)

    made.engine.acted = acted
    made.engine.finish()
    assert sorted(sizes(made, "worker")) == sorted([new] * 2 + [old] * 3)
    assert record_of(made).replacing
    again = made.apply(spec).operation
    assert (again.kind, ended(made, again.generation).result) == ("replace", "succeeded")
    assert sizes(made, "worker") == [new] * 5
    assert len(seen) == 5
    assert min(least) == 5
    record = record_of(made)
    assert not record.replacing
    assert {slot.name for slot in record.slots} == set(machines(made))
    assert made.apply(spec).operation.kind == "reconcile"


def test_members_of_another_size_are_replaced_one_by_one(made: Simulation) -> None:
    spec = with_size(made, "etcd", "Standard_D4s_v5")
    before = machines(made)
    assert ended(made, made.apply(spec).operation.generation).result == "succeeded"
    assert changed(made, before) == {f"demo-etcd-{n}" for n in range(3)}
    assert sizes(made, "etcd") == ["Standard_D4s_v5"] * 3
    told = [event.nodes for event in events(made) if event.kind == "nodes.replacing"]
    assert told == [(f"demo-etcd-{n}",) for n in range(3)]


def test_members_get_a_larger_data_disk_one_by_one(made: Simulation) -> None:
    document = made.scenario.wanted.document()
    document["etcd"]["dataDiskGiB"] *= 2
    spec = parse_spec(document)
    before = machines(made)
    assert ended(made, made.apply(spec).operation.generation).result == "succeeded"
    assert changed(made, before) == {f"demo-etcd-{n}" for n in range(3)}
    told = [event.nodes for event in events(made) if event.kind == "nodes.replacing"]
    assert told == [(f"demo-etcd-{n}",) for n in range(3)]
    forms = made.services.cloud.forms
    assert {forms[f"demo-etcd-{n}"].data_disk_gib for n in range(3)} == {spec.etcd.data_disk_gib}
    assert made.apply(spec).operation.kind == "reconcile"


def test_a_named_node_leaves_machines_alone_that_were_resized_by_hand(made: Simulation) -> None:
    for name in ("demo-etcd-1", "demo-control-plane-2", "demo-worker-3"):
        made.services.cloud.forms[name] = MachineForm(size="Standard_D8s_v5")
    before = machines(made)
    assert replaced(made, "demo-worker-0").result == "succeeded"
    assert changed(made, before) == {"demo-worker-0"}


def test_the_only_member_of_a_tier_stays_though_it_was_resized_by_hand(made: Simulation) -> None:
    record, etag = made.services.store.need_record("demo")
    gone = {f"demo-{tier}-{n}" for tier in ("control-plane", "etcd") for n in (1, 2)}
    slots = tuple(slot for slot in record.slots if slot.name not in gone)
    made.services.store.update_record(record.model_copy(update={"slots": slots}), etag)
    spec = with_size(made, "worker", "Standard_D2s_v5")
    resized = dict.fromkeys(
        machine_forms_of(spec.group, "demo"), MachineForm(size="Standard_D8s_v5")
    )
    with patch("planning.turns.machine_forms_of", lambda *_: resized):
        plan = turn_of(spec, made.services.store.need_record("demo")[0], SURVEY, None)
    assert plan.outdated == tuple(f"demo-worker-{n}" for n in range(5))


def test_a_pool_that_could_not_be_removed_is_not_forgotten(made: Simulation) -> None:
    document = made.scenario.wanted.document()
    document["workers"], document["drain"]["deadlineSeconds"] = [], 60
    made.fleet.kubernetes.held = lambda _: "web"
    assert ended(made, made.apply(parse_spec(document)).operation.generation).result == "failed"
    assert len(record_of(made).slots) == 12
    result = replaced(made, "demo-etcd-0")
    assert result.cause is not None
    assert result.cause.code == "DrainBlocked"
    assert {slot.name for slot in record_of(made).slots} == set(machines(made))
    made.fleet.kubernetes.held = lambda _: ""
    assert replaced(made, "demo-etcd-1").result == "succeeded"
    assert {slot.name for slot in record_of(made).slots} == set(machines(made))
    assert len(record_of(made).slots) == 7


def test_a_put_of_the_same_spec_joins_it_and_another_replacement_is_busy(made: Simulation) -> None:
    first = made.replace("demo-worker-0").operation
    assert made.replace("demo-worker-0").joined
    assert made.apply().joined
    with pytest.raises(BusyError):
        made.replace("demo-worker-1")
    document = made.scenario.wanted.document()
    document["workers"][0]["count"] = 1
    with pytest.raises(BusyError):
        made.apply(parse_spec(document))
    assert ended(made, first.generation).result == "succeeded"
