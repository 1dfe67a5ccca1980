"""A whole rotation on a simulated cluster: its phases, its failures, and how it goes on."""

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.contracts import CANCEL_EVENT, FinishInput, RunRef
from cluster.encryption import EncryptionKeys
from cluster.events import Event
from cluster.keys import public_half
from cluster.names import CREDENTIALS
from cluster.record import ClusterRecord, Credential
from lab.simulation.run import Scenario, Simulation, simulation
from orchestrators.rotate_credential import PHASES

SCENARIO = Scenario(6, ready=60.0, play=90.0, tasks=12, cluster="demo", pool="worker")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Simulation]:
    with simulation(SCENARIO) as simulated:
        simulated.apply()
        simulated.engine.finish()
        yield simulated


@pytest.fixture
def made(cluster: Simulation) -> Simulation:
    """The cluster, well, with the credentials that earlier tests left and no rotation begun."""
    cluster.fleet.unwell.clear()
    cluster.fleet.kubernetes.away.clear()
    found, etag = cluster.services.store.need_record("demo")
    fresh = found.model_copy(update={"state": "ready", "cause": None})
    cluster.services.store.save_record(fresh, etag)
    assert not found.rotations
    return cluster


def rotate(made: Simulation, credential: Credential) -> FinishInput:
    generation = made.rotate(credential).operation.generation
    made.engine.finish()
    result = made.result(generation)
    assert result is not None
    return result


def record(made: Simulation) -> ClusterRecord:
    return made.services.store.need_record("demo")[0]


def events(made: Simulation) -> list[Event]:
    ref = RunRef(cluster="demo", generation=record(made).generation)
    return made.services.store.events(ref)


def secret(made: Simulation, what: str) -> str:
    return made.services.vault.secrets[f"demo-{record(made).uid}-{what}"]


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_a_rotation_goes_through_its_phases_and_leaves_the_cluster_as_it_was(
    made: Simulation, credential: Credential
) -> None:
    what = "encryption" if credential == "encryption-key" else credential
    before = secret(made, what)
    result = rotate(made, credential)
    assert [(one.name, one.state) for one in result.phases] == [(name, "done") for name in PHASES]
    assert (record(made).state, record(made).cause) == ("ready", None)
    assert secret(made, what) != before
    kinds = [(one.kind, one.subject) for one in events(made) if one.kind.startswith("credential")]
    assert kinds == [(f"credential.{end}", credential) for end in ("added", "used", "retired")]
    assert "controller deallocated" in [one.text for one in events(made)]


def test_no_secret_value_is_in_the_history_or_in_any_blob(made: Simulation) -> None:
    for credential in CREDENTIALS:
        rotate(made, credential)
    shown = repr(made.engine.kept)
    blobs: Any = made.services.store.blobs
    stored = b"".join(content for content, _ in blobs.content.values())
    keys = EncryptionKeys.parse(secret(made, "encryption"))
    assert keys.retired
    for key in (*keys.keys, *keys.retired):
        assert key.secret not in shown
        assert key.secret.encode() not in stored
    for text in (secret(made, "ssh-key"), secret(made, "kubeconfig")):
        longest = max(text.splitlines(), key=len).strip()
        assert longest not in shown
        assert longest.encode() not in stored


def test_a_machine_that_does_not_answer_fails_the_rotation_and_the_next_one_goes_on(
    made: Simulation,
) -> None:
    old = public_half(secret(made, "ssh-key"))
    made.fleet.unwell["demo-etcd-1"] = "no space left on device"
    failed = rotate(made, "ssh-key")
    assert (failed.result, record(made).state) == ("failed", "ready")
    assert failed.cause is not None
    assert (failed.cause.code, failed.cause.phase) == ("Timeout", "add")
    assert "demo-etcd-1: no space left on device" in failed.cause.message
    assert failed.cause.next_step.startswith("request the rotation again")
    assert public_half(secret(made, "ssh-key")) == old
    assert all(old in accepted for accepted in made.fleet.accepted.values())
    begun = record(made).rotations["ssh-key"]
    made.fleet.unwell.clear()
    assert rotate(made, "ssh-key").result == "succeeded"
    operation = record(made).operation
    assert operation is not None
    assert (operation.rotation, record(made).rotations) == (begun, {})
    assert "ssh-key: the rotation goes on that was begun" in [one.text for one in events(made)]
    new = public_half(secret(made, "ssh-key"))
    assert set(made.fleet.accepted.values()) == {frozenset({new})}


def test_a_launch_between_two_tries_uses_the_old_key_and_changes_nothing_of_the_rotation(
    made: Simulation,
) -> None:
    made.fleet.unwell["demo-etcd-1"] = "no space left on device"
    rotate(made, "ssh-key")
    begun = dict(record(made).rotations)
    made.fleet.unwell.clear()
    made.apply()
    made.engine.finish()
    assert (record(made).state, record(made).rotations) == ("ready", begun)
    assert rotate(made, "ssh-key").result == "succeeded"


def test_an_api_server_that_does_not_come_back_fails_the_cluster(made: Simulation) -> None:
    made.fleet.kubernetes.away = {"demo-control-plane-0"}
    failed = rotate(made, "encryption-key")
    assert failed.cause is not None
    assert (failed.cause.code, record(made).state) == ("Timeout", "failed")
    assert record(made).cause == failed.cause
    made.fleet.kubernetes.away = set()
    assert rotate(made, "encryption-key").result == "succeeded"
    # The fault was the failed rotation's. A rotation fulfills no spec, and the spec was fulfilled.
    assert (record(made).state, record(made).cause) == ("ready", None)


@pytest.mark.parametrize("seconds", [1.0, 60.0, 100.0])
def test_a_cancel_leaves_a_cluster_that_the_same_rotation_goes_on_with(
    made: Simulation, seconds: float
) -> None:
    claim = made.rotate("encryption-key")
    instance = claim.operation.instance_id

    def cancel() -> None:
        made.client.raise_orchestration_event(instance, CANCEL_EVENT, data="ada")

    made.clock.at(made.clock.seconds + seconds, cancel)
    made.engine.finish()
    result = made.result(claim.operation.generation)
    assert result is not None
    assert (result.result, record(made).state) == ("cancelled", "ready")
    assert result.cause is not None
    assert result.cause.next_step == "request the rotation again"
    assert rotate(made, "encryption-key").result == "succeeded"
    assert len(EncryptionKeys.parse(secret(made, "encryption")).keys) == 1
