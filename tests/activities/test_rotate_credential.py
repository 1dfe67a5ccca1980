"""The rotation of each credential: what is accepted when, and that each step may be repeated."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cluster import keys
from cluster.contracts import (
    ADD_CREDENTIAL,
    AWAIT_KUBELETS,
    ENSURE_KEYS,
    PLAN_RESTORE,
    PROVE_CREDENTIAL,
    RETIRE_CREDENTIAL,
    REWRITE_SECRETS,
    START_API_SERVERS,
    STOP_API_SERVERS,
    USE_CREDENTIAL,
    VERIFY_CLUSTER,
)
from cluster.encryption import FIRST, EncryptionKeys
from cluster.kubeconfig import ADMINS, group_of
from cluster.names import backup_blob, snapshot_blob
from cluster.record import Credential
from lab.simulation.kubernetes import READY_SECONDS
from tests.activities.backed_up import back_up, end
from tests.activities.restored import until_done
from tests.activities.rotating import (
    STEPS,
    begin,
    cluster,
    kubernetes,
    new_secret,
    public_key,
    record,
    rotate,
    secret,
)
from tests.activities.world import World

PLANES = ["shop-control-plane-0", "shop-control-plane-1", "shop-control-plane-2"]
MACHINES = 12
CREDENTIALS: list[Credential] = ["ssh-key", "encryption-key", "kubeconfig"]


@pytest.fixture
def world() -> Iterator[World]:
    with cluster() as made:
        yield made


def rewrite(world: World) -> None:
    assert until_done(world, REWRITE_SECRETS).state == "done"


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_nothing_is_left_of_a_rotation_that_ended_and_a_repeat_finds_it_ended(
    world: World, credential: Credential
) -> None:
    secrets, before = set(world.services.vault.secrets), record(world).secrets
    begin(world, credential)
    for step in STEPS:
        until_done(world, step)
        assert new_secret(world, credential) is not None
    if credential == "encryption-key":
        rewrite(world)
    until_done(world, RETIRE_CREDENTIAL)
    assert set(world.services.vault.secrets) == secrets
    assert (record(world).rotations, record(world).secrets) == ({}, before)
    assert world.call(RETIRE_CREDENTIAL).state == "done"


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_an_addition_that_comes_after_the_end_admits_nothing_again(
    world: World, credential: Credential
) -> None:
    begin(world, credential)
    for step in STEPS:
        until_done(world, step)
    if credential == "encryption-key":
        rewrite(world)
    until_done(world, RETIRE_CREDENTIAL)
    secrets = dict(world.services.vault.secrets)
    accepted = dict(world.simulation.fleet.accepted)
    kubernetes(world).narrowed, admins = True, set(kubernetes(world).admins)
    reads = dict(kubernetes(world).reads)
    first, again = world.twice(ADD_CREDENTIAL)
    assert (first.state, again.state) == ("done", "done")
    assert world.services.vault.secrets == secrets
    assert world.simulation.fleet.accepted == accepted
    assert (kubernetes(world).admins, kubernetes(world).reads) == (admins, reads)


@pytest.mark.parametrize("readable", [True, False])
def test_a_retired_key_stays_while_a_backup_has_a_description_that_cannot_be_read(
    world: World, *, readable: bool
) -> None:
    """Such a backup may be older than those that can be read."""
    rotate(world, "encryption-key", between=lambda: rewrite(world))
    name = f"shop-{record(world).uid}-encryption"
    keys_then = EncryptionKeys.parse(secret(world, "encryption"))
    older = [key.model_copy(update={"until": "2001-01-01T00:00:00Z"}) for key in keys_then.retired]
    kept = keys_then.model_copy(update={"retired": tuple(older)}).render()
    world.services.vault.secrets[name] = kept
    back_up(world)
    store, uid = world.services.store, record(world).uid
    if not readable:
        store.blobs.write(snapshot_blob("shop", uid, "000001"), b"keys and values")
        store.blobs.write(backup_blob("shop", uid, "000001"), b'{"of": "a newer version"')
    begin(world, "encryption-key")
    world.call(ADD_CREDENTIAL)
    found = EncryptionKeys.parse(secret(world, "encryption"))
    assert [key.name for key in found.retired] == ([] if readable else [FIRST])


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_a_removal_knows_the_secret_of_a_rotation_before_it_is_made(
    world: World, credential: Credential
) -> None:
    begin(world, credential)
    missing = set(record(world).secrets) - set(world.services.vault.secrets)
    assert len(missing) == 1
    world.call(ADD_CREDENTIAL)
    assert set(record(world).secrets) <= set(world.services.vault.secrets)


def test_the_ssh_key_is_accepted_beside_the_old_one_until_it_is_proven(world: World) -> None:
    accepted, old = world.simulation.fleet.accepted, public_key(world)
    begin(world, "ssh-key")
    world.call(ADD_CREDENTIAL)
    made = json.loads(new_secret(world, "ssh-key") or "")
    new = keys.public_half(made["private"])
    assert set(accepted.values()) == {frozenset({old, new})}
    assert len(accepted) == MACHINES
    assert public_key(world) == old
    assert world.call(PROVE_CREDENTIAL).state == "done"
    world.twice(USE_CREDENTIAL)
    assert public_key(world) == new
    assert world.services.store.public_keys("shop")[""] == new
    assert set(accepted.values()) == {frozenset({old, new})}
    world.call(RETIRE_CREDENTIAL)
    assert set(accepted.values()) == {frozenset({new})}


def test_host_keys_do_not_change_with_the_ssh_key(world: World) -> None:
    before = world.services.store.public_keys("shop")
    rotate(world, "ssh-key")
    after = world.services.store.public_keys("shop")
    assert after.pop("") != before.pop("")
    assert after == before
    world.call(ENSURE_KEYS)
    assert world.services.store.public_keys("shop")[""] == public_key(world)


def test_an_ssh_key_that_one_machine_does_not_accept_is_not_used(world: World) -> None:
    old = public_key(world)
    begin(world, "ssh-key")
    world.call(ADD_CREDENTIAL)
    world.simulation.fleet.accepted["shop-worker-3"] = frozenset({old})
    waiting = world.call(PROVE_CREDENTIAL)
    assert waiting.state == "wait"
    assert waiting.notes[0].startswith("shop-worker-3: ")
    world.call(ADD_CREDENTIAL)
    assert world.call(PROVE_CREDENTIAL).state == "done"


def test_a_machine_that_cannot_be_asked_keeps_the_rotation_waiting(world: World) -> None:
    unwell = world.simulation.fleet.unwell
    unwell["shop-etcd-1"] = "no space left on device"
    begin(world, "ssh-key")
    waiting = world.call(ADD_CREDENTIAL)
    assert (waiting.state, waiting.notes) == ("wait", ("shop-etcd-1: no space left on device",))
    unwell.clear()
    assert world.call(ADD_CREDENTIAL).state == "done"


def test_a_rotation_that_goes_on_after_the_new_ssh_key_is_used_ends(world: World) -> None:
    begin(world, "ssh-key")
    for step in STEPS:
        until_done(world, step)
    new = public_key(world)
    end(world)
    rotate(world, "ssh-key")
    assert public_key(world) == new
    assert set(world.simulation.fleet.accepted.values()) == {frozenset({new})}


def test_api_servers_are_restarted_one_after_the_other(world: World) -> None:
    begin(world, "encryption-key")
    changed = kubernetes(world).changed
    for number, name in enumerate(PLANES, 1):
        assert world.call(ADD_CREDENTIAL).notes == (f"{name}: it was restarted",)
        assert sorted(changed) == PLANES[:number]
        assert world.call(ADD_CREDENTIAL).notes == (f"{name}: readyz: 500",)
        assert sorted(changed) == PLANES[:number]
        world.later(READY_SECONDS)
    first, again = world.twice(ADD_CREDENTIAL)
    assert (first.state, again.state) == ("done", "done")


def test_no_api_server_is_restarted_while_another_is_not_ready(world: World) -> None:
    begin(world, "encryption-key")
    kubernetes(world).away = {PLANES[2]}
    assert world.call(ADD_CREDENTIAL).notes == (f"{PLANES[2]}: readyz: 500",)
    assert not kubernetes(world).changed


def test_no_api_server_encrypts_with_a_key_that_another_cannot_read(world: World) -> None:
    begin(world, "encryption-key")
    until_done(world, ADD_CREDENTIAL)
    read = EncryptionKeys.parse(secret(world, "encryption"))
    assert read.first == FIRST
    assert set(kubernetes(world).reads.values()) == {read.configuration}
    assert world.call(PROVE_CREDENTIAL).state == "done"
    kubernetes(world).reads[PLANES[1]] = "older"
    waiting = world.call(PROVE_CREDENTIAL)
    assert (waiting.state, PLANES[1] in waiting.notes[0]) == ("wait", True)


def test_every_secret_is_written_again_before_the_old_key_is_taken_away(world: World) -> None:
    in_etcd = world.simulation.fleet.etcd.secrets
    in_etcd |= {("shop", f"s{number}"): FIRST for number in range(450)}
    begin(world, "encryption-key")
    for step in STEPS:
        until_done(world, step)
    assert set(in_etcd.values()) == {FIRST}
    done = until_done(world, REWRITE_SECRETS)
    assert done.total == len(in_etcd) == 452
    (name,) = set(in_etcd.values())
    assert name != FIRST
    until_done(world, RETIRE_CREDENTIAL)
    found = EncryptionKeys.parse(secret(world, "encryption"))
    assert ([key.name for key in found.keys], [key.name for key in found.retired]) == (
        [name],
        [FIRST],
    )
    assert set(kubernetes(world).reads.values()) == {found.configuration}


def test_secrets_are_looked_for_on_the_next_member_if_one_is_away(world: World) -> None:
    etcd = world.simulation.fleet.etcd
    begin(world, "encryption-key")
    for step in STEPS:
        until_done(world, step)
    etcd.unhealthy = {"shop-etcd-0": "context deadline exceeded"}
    rewrite(world)
    etcd.unhealthy = dict.fromkeys(["shop-etcd-0", "shop-etcd-1", "shop-etcd-2"], "away")
    assert world.call(REWRITE_SECRETS).notes[0].startswith("shop-etcd-0: etcdctl: away")


def test_a_backup_from_before_a_rotation_gets_its_key_back(world: World) -> None:
    back_up(world)
    old = secret(world, "encryption")
    backup = record(world).generation
    rotate(world, "encryption-key", between=lambda: rewrite(world))
    new = EncryptionKeys.parse(secret(world, "encryption")).first
    restored(world, backup)
    found = EncryptionKeys.parse(secret(world, "encryption"))
    assert [(key.name, key.secret == old) for key in found.keys] == [(new, False), (FIRST, True)]
    assert set(kubernetes(world).encryption.values()) == {found.configuration}


def test_a_backup_from_after_a_rotation_needs_no_other_key(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The simulated snapshots are of that time.
    rotate(world, "encryption-key", between=lambda: rewrite(world))
    name = f"shop-{record(world).uid}-encryption"
    early = EncryptionKeys.parse(secret(world, "encryption"))
    older = [key.model_copy(update={"until": "2026-11-30T11:00:00Z"}) for key in early.retired]
    kept = early.model_copy(update={"retired": tuple(older)}).render()
    monkeypatch.setitem(world.services.vault.secrets, name, kept)
    back_up(world)
    written = dict(kubernetes(world).encryption)
    restored(world, record(world).generation)
    assert secret(world, "encryption") == kept
    assert kubernetes(world).encryption == written


def restored(world: World, backup: int) -> None:
    """Restores the backup, as far as Kubernetes is concerned."""
    world.simulation.restore(f"{backup:06d}")
    world.generation += 1
    world.call(PLAN_RESTORE)
    for step in (STOP_API_SERVERS, START_API_SERVERS, AWAIT_KUBELETS):
        assert until_done(world, step).state == "done"
    end(world)


def test_the_old_kubeconfig_is_refused_after_the_new_one_was_admitted(world: World) -> None:
    old = secret(world, "kubeconfig")
    assert group_of(old) == ADMINS
    begin(world, "kubeconfig")
    world.call(ADD_CREDENTIAL)
    made = json.loads(new_secret(world, "kubeconfig") or "")["text"]
    assert kubernetes(world).admins == {group_of(made)}
    assert not kubernetes(world).narrowed
    assert secret(world, "kubeconfig") == old
    world.call(PROVE_CREDENTIAL)
    world.twice(USE_CREDENTIAL)
    assert secret(world, "kubeconfig") == made
    assert world.call(RETIRE_CREDENTIAL).state == "done"
    assert kubernetes(world).narrowed


def test_a_second_rotation_refuses_the_kubeconfig_of_the_first(world: World) -> None:
    rotate(world, "kubeconfig")
    first = group_of(secret(world, "kubeconfig"))
    begin(world, "kubeconfig")
    world.call(ADD_CREDENTIAL)
    assert first in kubernetes(world).admins
    for step in (PROVE_CREDENTIAL, USE_CREDENTIAL, RETIRE_CREDENTIAL):
        assert until_done(world, step).state == "done"
    second = group_of(secret(world, "kubeconfig"))
    assert first != second
    assert kubernetes(world).admins == {second}


def test_an_old_kubeconfig_that_is_admitted_still_keeps_the_rotation_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(world, "kubeconfig")
    for step in STEPS:
        until_done(world, step)
    answer = kubernetes(world).answer_access
    monkeypatch.setattr(
        kubernetes(world),
        "answer_access",
        lambda request: {} if request["action"] == "narrow" else answer(request),
    )
    waiting = world.call(RETIRE_CREDENTIAL)
    assert waiting.state == "wait"
    assert waiting.notes[0].endswith(f"still admits the administrator's group {ADMINS}")
    assert record(world).rotations


def test_a_kubeconfig_that_is_renewed_stays_in_its_group(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate(world, "kubeconfig")
    before = secret(world, "kubeconfig")
    monkeypatch.setattr("activities.cluster_secrets.still_good", lambda *_: False)
    verify_again(world)
    after = secret(world, "kubeconfig")
    assert after != before
    assert group_of(after) == group_of(before)


def verify_again(world: World) -> Any:
    """Verifies the cluster in a new run."""
    world.simulation.apply()
    world.generation += 1
    world.deployed()
    found = until_done(world, VERIFY_CLUSTER)
    assert found.state == "done", found
    return found


def test_a_restore_does_not_bring_an_old_kubeconfig_back(world: World) -> None:
    back_up(world)
    backup = record(world).generation
    rotate(world, "kubeconfig")
    group = group_of(secret(world, "kubeconfig"))
    # The snapshot's bindings are those of before.
    kubernetes(world).admins, kubernetes(world).narrowed = set(), False
    restored(world, backup)
    assert (kubernetes(world).admins, kubernetes(world).narrowed) == ({group}, True)


@pytest.mark.parametrize("rotated", [False, True])
def test_a_verification_makes_the_bindings_again_only_after_a_rotation(
    world: World, *, rotated: bool
) -> None:
    if rotated:
        rotate(world, "kubeconfig")
        kubernetes(world).admins, kubernetes(world).narrowed = {"slipway:cluster-admins:0"}, False
    assert verify_again(world).failed == 0
    assert kubernetes(world).narrowed is rotated
    assert "slipway:cluster-admins:0" not in kubernetes(world).admins


def test_a_credential_that_this_version_does_not_know_is_refused(world: World) -> None:
    begin(world, "ssh-key")
    store = world.services.store
    found, etag = store.need_record("shop")
    assert found.operation is not None
    newer = found.operation.model_copy(update={"rotates": "front-proxy"})
    store.save_record(found.model_copy(update={"operation": newer}), etag)
    refused = world.call(ADD_CREDENTIAL)
    assert (refused.state, refused.cause.code) == ("refused", "UnknownCredential")
    assert refused.cause.next_step.endswith("request the rotation again")
