"""ensure_keys: secrets are made once, and only public halves leave the vault."""

from cluster.contracts import ENSURE_GROUP, ENSURE_KEYS, PLAN_CLUSTER
from tests.activities.world import World


def test_a_repeat_keeps_every_secret(world: World) -> None:
    world.call(PLAN_CLUSTER)
    world.call(ENSURE_GROUP)
    assert world.call(ENSURE_KEYS).state == "done"
    before = dict(world.services.vault.secrets)
    public = world.services.store.public_keys(world.cluster)
    assert world.call(ENSURE_KEYS).state == "done"
    assert world.services.vault.secrets == before
    assert world.services.store.public_keys(world.cluster) == public


def test_each_node_has_a_host_key_and_no_private_half_is_in_storage(world: World) -> None:
    plan = world.planned()
    public = world.services.store.public_keys(world.cluster)
    assert {slot.name for slot in plan.slots} <= set(public)
    assert all(key.startswith(("ssh-ed25519 ", "ssh-rsa ")) for key in public.values())
    blobs = world.services.store.blobs
    stored = b"".join(blobs.read(name)[0] for name in blobs.list(""))
    assert b"PRIVATE" not in stored


def test_a_secret_of_that_name_that_is_not_ours_is_refused_and_kept(world: World) -> None:
    world.call(PLAN_CLUSTER)
    name = world.services.store.need_record(world.cluster)[0].secrets[0]
    world.services.vault.secrets[name] = "of somebody"
    refused = world.call(ENSURE_KEYS)
    assert (refused.cause.code, refused.cause.place) == ("SecretOwnedByAnother", name)
    assert "of somebody" not in refused.cause.message
    assert world.services.vault.secrets[name] == "of somebody"
