"""A lost record is rebuilt from what carries its uid, and from nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest

from clients.azure.arm import Group, Resource
from cluster.contracts import RunRef
from cluster.faults import SpecRefusedError
from cluster.names import record_blob
from cluster.ownership import Owner
from cluster.spec import ClusterSpec
from lab.simulation.run import Scenario, Simulation, simulation
from planning.adoption import last_deployed, lost_uid
from planning.dry_run import dry_run
from planning.ownership import owner_of
from runs.claims import claim_reconcile
from runs.run_requests import Adoption

SMALL = Scenario(6, ready=60.0, play=90.0, tasks=12, cluster="demo", pool="worker")


@pytest.fixture
def made() -> Iterator[Simulation]:
    """A cluster that was launched."""
    with simulation(SMALL) as found:
        found.apply()
        found.engine.finish()
        yield found


def wanted(made: Simulation) -> ClusterSpec:
    return made.scenario.wanted


def lose(made: Simulation) -> str:
    """Removes the record; returns the uid that it had."""
    uid = made.services.store.need_record("demo")[0].uid
    del made.services.store.blobs.content[record_blob("demo")]
    return uid


def refusal(made: Simulation) -> str:
    with pytest.raises(SpecRefusedError) as refused:
        lost_uid(wanted(made))
    (fault,) = refused.value.faults
    assert fault.path == "adopt"
    return fault.message


def test_the_same_spec_goes_on_from_what_the_lost_record_built(made: Simulation) -> None:
    uid = lose(made)
    machines, secrets = dict(made.services.cloud.machines), dict(made.services.vault.secrets)
    assert lost_uid(wanted(made)) == uid
    claim = claim_reconcile(made.context, wanted(made), "ada", adopt=Adoption(uid))
    assert claim.operation.generation == 2
    made.engine.finish()
    result = made.result(2)
    assert result is not None
    assert result.result == "succeeded", result.cause
    record = made.services.store.need_record("demo")[0]
    assert (record.uid, record.state, record.group_owned) == (uid, "ready", True)
    assert made.services.cloud.machines == machines
    assert made.services.vault.secrets == secrets


def test_an_adopted_record_begins_above_what_the_lost_one_deployed(made: Simulation) -> None:
    """Also if no trace of the runs is left; deployments of other clusters do not count."""
    deployments = made.services.cloud.deployments
    deployments |= {f"demo-etcd0-{7:06d}": (0.0, {}), "demo2-network-000900": (0.0, {})}
    deployments |= {"audit-000800": (0.0, {}), "demo-backup": (0.0, {})}
    uid = lose(made)
    above = last_deployed(wanted(made), uid)
    assert above == 7
    assert last_deployed(wanted(made), "0a1b2c3d") == 0
    claim = claim_reconcile(made.context, wanted(made), "ada", adopt=Adoption(uid, above))
    assert claim.operation.generation == 8
    made.engine.finish()
    result = made.result(8)
    assert result is not None
    assert result.result == "succeeded", result.cause


@pytest.mark.parametrize("ending", ["db", "json"])
def test_an_adopted_record_begins_above_the_backups_that_the_lost_one_took(
    made: Simulation, ending: str
) -> None:
    """A backup deploys nothing, and its number is its id: a later one would find itself there."""
    uid = lose(made)
    blobs = made.services.store.blobs
    blobs.write(f"backups/demo/{uid}/000012.{ending}", b"{}")
    blobs.write(f"backups/demo/{uid}/notes.{ending}", b"{}")
    blobs.write("backups/demo/0a1b2c3d/000099.db", b"")
    assert last_deployed(wanted(made), uid) == 12


def test_without_it_the_same_spec_is_refused_and_changes_nothing(made: Simulation) -> None:
    uid = lose(made)
    machines, secrets = dict(made.services.cloud.machines), dict(made.services.vault.secrets)
    made.apply()
    made.engine.finish()
    result = made.result(2)
    assert result is not None
    assert result.cause is not None
    assert result.cause.code == "GroupOwnedByAnother"
    assert uid in result.cause.message
    assert made.services.cloud.machines == machines
    assert made.services.vault.secrets == secrets


def test_a_record_that_such_a_refusal_left_is_adopted_too(made: Simulation) -> None:
    uid = lose(made)
    made.apply()
    made.engine.finish()
    claim_reconcile(made.context, wanted(made), "ada", adopt=Adoption(lost_uid(wanted(made))))
    made.engine.finish()
    record = made.services.store.need_record("demo")[0]
    assert (record.uid, record.state) == (uid, "ready")


def test_a_cluster_with_a_record_of_its_own_is_not_adopted_over(made: Simulation) -> None:
    with pytest.raises(SpecRefusedError) as refused:
        claim_reconcile(made.context, wanted(made), "ada", adopt=Adoption("ffffffff"))
    assert [fault.path for fault in refused.value.faults] == ["adopt"]


def test_a_plan_shows_what_would_be_adopted(made: Simulation) -> None:
    uid = lose(made)
    assert any("GroupOwnedByAnother" in fault for fault in dry_run(wanted(made)).faults)
    found = dry_run(wanted(made), uid)
    assert found.faults == ()
    assert {node.action for node in found.nodes} == {"keep"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda cloud, _: setattr(cloud, "group", None), "does not exist"),
        (
            lambda cloud, _: (
                cloud.machines.clear(),
                setattr(cloud, "group", Group("demo-rg", "westeurope", {}, "Succeeded")),
            ),
            "nothing in resource group",
        ),
        (
            lambda cloud, owner: cloud.others.append(
                Resource("/x", "Microsoft.Compute/disks", "x", {**owner.tags, "slipway-uid": "ff"})
            ),
            "several owners",
        ),
    ],
    ids=["no group", "nothing", "two uids"],
)
def test_what_is_not_one_clusters_is_refused(made: Simulation, change: Any, words: str) -> None:
    plan = made.services.store.plan(RunRef(cluster="demo", generation=1))
    assert plan is not None
    owner = owner_of(plan)
    lose(made)
    change(made.services.cloud, owner)
    assert words in refusal(made)


def test_what_another_installation_owns_is_refused_and_named(made: Simulation) -> None:
    lose(made)
    other = Owner("demo", "0a1b2c3d", "another/slipway")
    cloud = made.services.cloud
    cloud.tags = other.tags
    cloud.group = Group("demo-rg", "westeurope", other.group_tags, "Succeeded")
    assert "another/slipway" in refusal(made)


def test_a_plan_names_the_changed_fields_and_an_operation_that_has_not_ended(
    made: Simulation,
) -> None:
    spec = wanted(made)
    assert dry_run(spec).changes == ()
    changed = spec.model_copy(update={"tags": {"team": "a"}})
    (change,) = dry_run(changed).changes
    assert (change.path, change.before, change.after) == ("tags.team", "", '"a"')
    claim_reconcile(made.context, changed, "ada")
    assert any("operation 2 of demo has not ended" in note for note in dry_run(spec).notes)
