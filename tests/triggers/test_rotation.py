"""Requests for rotations: what they start and what they refuse."""

from typing import Any

import pytest

from cluster.names import CREDENTIALS
from cluster.record import Access, ClaimedOperation
from tests.triggers.sample_answers import SPEC, Installation, ask, installation
from tests.triggers.test_node_removal import filled
from triggers import clusters, operation_list, rotation

ACCESS = Access(kubeconfig="demo-kubeconfig")
REMOVAL = ClaimedOperation(
    generation=1,
    kind="delete",
    instance_id="demo-000001",
    started_at="2026-11-29T12:00:00+00:00",
    finished=True,
)


def rotate(app: Installation, credential: str) -> dict[str, Any]:
    return ask(rotation.post_rotation, app.client, credential=credential)


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_a_rotation_is_an_operation_that_the_same_request_joins(credential: str) -> None:
    with installation() as app:
        before = filled(app, access=ACCESS)
        first, again = rotate(app, credential), rotate(app, credential)
        assert (first["status"], first["body"]["joined"]) == (202, False)
        assert first["body"]["operation"].endswith(f"/operations/{before.generation + 1}")
        assert again["body"] == first["body"] | {"joined": True}
        (other, *_) = [one for one in CREDENTIALS if one != credential]
        refused = rotate(app, other)
        assert (refused["status"], refused["body"]["title"]) == (
            409,
            "another operation is running",
        )
        assert ask(clusters.get_cluster, app.client)["body"]["kind"] == "rotate"
        listed = ask(operation_list.list_operations, app.client)["body"]["operations"]
        assert listed[0]["kind"] == "rotate"


@pytest.mark.parametrize("credential", ["", "ca", "SSH-KEY", "ssh-key/", 'a"b\x1b', "x" * 500])
def test_a_credential_that_there_is_not_is_named_and_the_others_are_told(credential: str) -> None:
    with installation() as app:
        before = filled(app, access=ACCESS)
        answer = rotate(app, credential)
        assert answer["status"] == 404
        assert "ssh-key, encryption-key, kubeconfig" in answer["body"]["detail"]
        assert len(answer["body"]["title"]) < 120
        assert "\x1b" not in answer["body"]["title"]
        assert app.store.need_record("demo")[0].generation == before.generation


@pytest.mark.parametrize(
    ("credential", "changes", "status"),
    [
        ("ssh-key", {"built": None}, 409),
        ("ssh-key", {"state": "failed", "operation": REMOVAL}, 409),
        ("ssh-key", {"state": "deleted"}, 404),
        ("encryption-key", {"access": None}, 409),
        ("kubeconfig", {"access": None}, 409),
        ("kubeconfig", {"spec": SPEC | {"playbook": {"through": "etcd"}}}, 409),
    ],
)
def test_what_is_not_in_use_is_not_rotated(
    credential: str, changes: dict[str, Any], status: int
) -> None:
    with installation() as app:
        before = filled(app, **({"access": ACCESS} | changes))
        answer = rotate(app, credential)
        assert answer["status"] == status
        record = app.store.need_record("demo")[0]
        assert (record.generation, record.rotations) == (before.generation, {})


def test_the_ssh_key_of_a_cluster_without_kubernetes_is_rotated() -> None:
    with installation() as app:
        filled(app, spec=SPEC | {"playbook": {"through": "etcd"}})
        assert rotate(app, "ssh-key")["status"] == 202


@pytest.mark.parametrize("role", ["worker", "control-plane", "etcd"])
@pytest.mark.parametrize("begun", [False, True])
def test_the_ssh_key_is_not_rotated_while_a_node_leaves(role: str, *, begun: bool) -> None:
    """An earlier removal may have ended before the machine was deleted."""
    with installation() as app:
        rotations = {"ssh-key": "0a1b2c3d"} if begun else {}
        filled(app, access=ACCESS, rotations=rotations)
        before, etag = app.store.need_record("demo")
        name = f"demo-{role}-0"
        slots = tuple(
            slot.model_copy(update={"leaving": slot.name == name}) for slot in before.slots
        )
        app.store.save_record(before.model_copy(update={"slots": slots}), etag)
        refused = rotate(app, "ssh-key")
        assert refused["status"] == 409
        assert refused["body"]["detail"].startswith(f"{name}: ")
        assert "send the spec first" in refused["body"]["detail"]
        record = app.store.need_record("demo")[0]
        assert (record.generation, record.rotations) == (before.generation, rotations)
        assert rotate(app, "kubeconfig")["status"] == 202


def test_of_many_nodes_that_leave_some_are_named_and_the_rest_are_counted() -> None:
    with installation() as app:
        filled(app, access=ACCESS)
        record, etag = app.store.need_record("demo")
        many = tuple(
            record.slots[0].model_copy(update={"name": f"demo-old-{number}", "leaving": True})
            for number in range(40)
        )
        app.store.save_record(record.model_copy(update={"slots": many}), etag)
        detail = rotate(app, "ssh-key")["body"]["detail"]
        assert "demo-old-4 and 35 more" in detail
