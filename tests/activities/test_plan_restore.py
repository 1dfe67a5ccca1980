"""plan_restore: which backups it refuses, and the plan that it stores."""

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.contracts import PLAN_RESTORE
from cluster.names import backup_blob, snapshot_blob
from cluster.record import Access
from lab.simulation.run import Scenario, simulation
from tests.activities.backed_up import backups
from tests.activities.restored import AFTER, BACKUP, restoring
from tests.activities.world import World


@pytest.fixture
def world() -> Iterator[World]:
    with simulation(Scenario(8, cluster="shop", pool="worker")) as made:
        yield restoring(made)


def uid(world: World) -> str:
    return world.services.store.need_record(world.cluster)[0].uid


def bring_up_api(world: World) -> None:
    """Records the API as the run does that brings it up: the cluster has Kubernetes 1.36."""
    record, etag = world.services.store.need_record(world.cluster)
    changes = {"access": Access(kubeconfig="shop-kubeconfig")}
    world.services.store.save_record(record.model_copy(update=changes), etag)


def leave(world: World, *names: str) -> None:
    """Marks slots as a run does that removes or replaces their machines."""
    record, etag = world.services.store.need_record(world.cluster)
    slots = tuple(slot.model_copy(update={"leaving": slot.name in names}) for slot in record.slots)
    world.services.store.save_record(record.model_copy(update={"slots": slots}), etag)


def describe(world: World, **changes: Any) -> None:
    """Changes what describes the backup."""
    (backup,) = backups(world)
    changed = backup.model_copy(update=changes)
    name = backup_blob(world.cluster, uid(world), BACKUP)
    world.services.store.blobs.write(name, changed.model_dump_json().encode())


def refusal(world: World) -> Any:
    """Returns the cause of the refusal, after which the run has no plan."""
    first, again = world.twice(PLAN_RESTORE)
    assert first.state == again.state == "refused"
    assert world.services.store.plan(world.ref) is None
    return first.cause


def test_the_plan_is_that_of_the_network_without_anything_to_create_or_remove(
    world: World,
) -> None:
    first, again = world.twice(PLAN_RESTORE)
    assert first == again
    assert (first.state, first.backup) == ("done", BACKUP)
    assert first.taken_at == "2026-11-30T12:00:00Z"
    plan = world.plan
    assert (plan.generation, plan.network_generation) == (3, 1)
    assert (plan.missing, plan.deployments, plan.leaving, plan.full) == ((), (), (), False)
    assert len(plan.nodes) == 8
    states = world.services.store.node_states(world.ref)
    assert states == {slot.name: "ready" for slot in plan.nodes}


def test_a_control_plane_that_a_replacement_marked_is_in_the_plan_while_it_exists(
    world: World,
) -> None:
    """Its API server runs: it must be stopped with the others."""
    marked, deleted = "shop-control-plane-0", "shop-worker-0"
    leave(world, marked, deleted)
    world.call(PLAN_RESTORE)
    names = {slot.name for slot in world.plan.nodes}
    assert (marked in names, deleted in names, len(names)) == (True, False, 7)
    assert world.plan.leaving == ()


def test_a_control_plane_that_a_replacement_has_deleted_is_not_in_the_plan(world: World) -> None:
    gone = "shop-control-plane-0"
    leave(world, gone)
    world.services.cloud.machines.pop(gone)
    world.call(PLAN_RESTORE)
    assert gone not in {slot.name for slot in world.plan.nodes}


def test_a_repeat_returns_the_stored_plan_after_the_deployments_are_gone(world: World) -> None:
    first = world.call(PLAN_RESTORE)
    world.services.cloud.deployments.clear()
    assert world.call(PLAN_RESTORE) == first


def test_a_backup_that_does_not_exist_is_refused(world: World) -> None:
    world.services.store.remove_backup("shop", uid(world), BACKUP)
    cause = refusal(world)
    assert (cause.code, cause.place) == ("BackupMissing", BACKUP)


@pytest.mark.parametrize("content", [AFTER, b""], ids=["changed", "empty"])
def test_a_snapshot_that_is_not_the_described_one_is_refused(world: World, content: bytes) -> None:
    world.services.store.blobs.write(snapshot_blob("shop", uid(world), BACKUP), content)
    assert refusal(world).code == "BackupDamaged"


def test_a_description_without_its_snapshot_is_refused(world: World) -> None:
    world.services.store.blobs.delete(snapshot_blob("shop", uid(world), BACKUP))
    assert refusal(world).code == "BackupDamaged"


def test_a_description_that_cannot_be_read_is_refused(world: World) -> None:
    world.services.store.blobs.write(backup_blob("shop", uid(world), BACKUP), b'{"id": 2')
    assert refusal(world).code == "UnreadableDocument"


@pytest.mark.parametrize("changed", [{"uid": "ffffffff"}, {"cluster": "shop2"}, {"id": "000001"}])
def test_the_description_of_another_backup_is_refused(
    world: World, changed: dict[str, str]
) -> None:
    describe(world, **changed)
    assert refusal(world).code == "BackupOfAnother"


@pytest.mark.parametrize("taken", ["1.36", "1.35"])
def test_a_backup_of_the_clusters_minor_or_the_one_before_fits(world: World, taken: str) -> None:
    bring_up_api(world)
    describe(world, kubernetes=taken)
    assert world.call(PLAN_RESTORE).state == "done"


@pytest.mark.parametrize("taken", ["1.34", "1.37", "2.36", ""])
def test_a_backup_that_the_clusters_api_servers_cannot_read_is_refused(
    world: World, taken: str
) -> None:
    bring_up_api(world)
    describe(world, kubernetes=taken)
    cause = refusal(world)
    assert (cause.code, cause.place) == ("BackupUnfit", BACKUP)
    assert "the cluster has 1.36" in cause.message


def test_a_cluster_without_kubernetes_takes_no_backup_of_one_with_it(world: World) -> None:
    describe(world, kubernetes="1.36")
    cause = refusal(world)
    assert cause.code == "BackupUnfit"
    assert "the cluster has none" in cause.message


def test_without_an_earlier_network_the_next_step_ends_with_the_restore(world: World) -> None:
    world.services.cloud.deployments.clear()
    cause = refusal(world)
    assert cause.code == "DeploymentMissing"
    assert "same spec" in cause.next_step
    assert cause.next_step.endswith("request the restore again")
