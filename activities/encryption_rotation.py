"""The steps of a rotation of the key that API servers encrypt Secrets in etcd with.

They follow Kubernetes' documentation: every API server learns to read with the new key before any
encrypts with it, then all Secrets are written again, and only then the old key is taken away. API
servers are restarted one after the other, and none before all others are ready.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from activities.control_planes import control_planes
from activities.controller_ssh import Controller, controller
from activities.node_programs import (
    ETCD_PLACES,
    TEXT_CHARACTERS,
    Answer,
    Request,
    etcd_members,
    require_all,
    run_on_all,
)
from activities.rotation import Rotation
from clients.errors import Transient
from clients.services import services
from cluster import keys
from cluster.contracts import RewriteResult
from cluster.encryption import EncryptionKey, EncryptionKeys
from cluster.names import ENCRYPTION_KEY
from cluster.outcomes import cut
from cluster.plan import Plan
from cluster.record import PlannedNode
from cluster.roles import CONTROL_PLANE

PLACES = {
    "path": "/etc/kubernetes/slipway/encryption.yml",
    "etc": "/etc/kubernetes",
    "kubectl": "kubectl",
    "crictl": "crictl",
    "proc": "/proc",
}
# A container gets half a minute to end, and the API server a moment to answer.
APPLY_SECONDS, LOOK_SECONDS, REWRITE_SECONDS = 110.0, 60.0, 150.0
# The Secrets that are written again before etcd is asked which are left.
AT_ONCE = 200
# What the clocks of members and of the app may differ by, generously: whether a backup needs a key
# is told from when it was taken.
CLOCKS = timedelta(hours=1)


def add(rotation: Rotation) -> None:
    """Lets every API server read with the new key too.

    Raises:
        Transient: one has not started with it yet.
    """
    secrets, name = rotation.secrets, _name(rotation)
    new = secrets.ensure_new(ENCRYPTION_KEY, rotation.id, keys.new_encryption_key)
    found = secrets.ensure_encryption_keys()
    if not found.has(name):
        needed = found.without_older_than(_oldest_backup(rotation.plan))
        found = needed.with_second(EncryptionKey(name=name, secret=new))
        secrets.use_encryption_keys(found)
    _apply(rotation.plan, found)


def prove(rotation: Rotation) -> None:
    """Looks whether every API server is ready and has started with the keys.

    Raises:
        Transient: one has not.
    """
    found = rotation.secrets.ensure_encryption_keys()
    with controller(rotation.plan) as connection:
        if pending := _pending(connection, found):
            raise Transient(f"{pending[0].name}: its API server has not started with the new key")


def use(rotation: Rotation) -> None:
    """Lets every API server encrypt with the new key.

    Raises:
        Transient: one has not started with it in the first place yet.
    """
    found = rotation.secrets.ensure_encryption_keys().with_first(_name(rotation))
    rotation.secrets.use_encryption_keys(found)
    _apply(rotation.plan, found)


def rewrite(rotation: Rotation) -> RewriteResult:
    """Writes some of the Secrets again that etcd has with another key. It is done when etcd has
    none.

    Raises:
        Transient: some are left.
    """
    name, plan = _name(rotation), rotation.plan
    with controller(plan) as connection:
        found = _secrets_in_etcd(connection, name)
        if not found["others"]:
            return RewriteResult(total=found["total"])
        ready = control_planes(connection)
        if ready.ready is None:
            raise Transient(cut("; ".join(ready.faults), TEXT_CHARACTERS))
        request = PLACES | {"action": "rewrite", "names": found["others"]}
        answers = run_on_all(
            connection, [ready.ready], "rewrite_secrets", lambda _: request, REWRITE_SECONDS
        )
        require_all(answers)
    faults: list[str] = answers[0].found["faults"]
    text = f"{len(found['others'])} Secrets with another key were written again"
    raise Transient(cut("; ".join([text, *faults]), TEXT_CHARACTERS), 1.0)


def retire(rotation: Rotation) -> None:
    """Takes the old key from every API server. The vault keeps it for backups that need it.

    Raises:
        Transient: one has not started without it yet.
    """
    found = rotation.secrets.ensure_encryption_keys()
    if len(found.keys) > 1:
        until = (datetime.now(UTC) + CLOCKS).strftime("%Y-%m-%dT%H:%M:%SZ")
        found = found.only(_name(rotation), until)
        rotation.secrets.use_encryption_keys(found)
    _apply(rotation.plan, found)


def write_for_backup(plan: Plan, keys_now: EncryptionKeys) -> None:
    """Writes the keys onto every control plane whose API server does not run.

    Raises:
        Transient: a machine could not be asked.
    """
    with controller(plan) as connection:
        require_all(_ask(connection, _members(plan), keys_now, "write", LOOK_SECONDS))


def _name(rotation: Rotation) -> str:
    return f"slipway-{rotation.id}"


def _oldest_backup(plan: Plan) -> str:
    """Returns when the oldest backup was taken, or "" if that is not known: a description that this
    version cannot read may be that of the oldest one."""
    store = services().store
    described = store.backups(plan.cluster, plan.uid)
    if store.snapshots(plan.cluster, plan.uid) - {one.id for one in described}:
        return ""
    return min((one.taken_at for one in described), default="")


def _apply(plan: Plan, found: EncryptionKeys) -> None:
    """Restarts the API servers that have not started with the keys, one in each execution.

    Raises:
        Transient: one is not ready, or was restarted.
    """
    with controller(plan) as connection:
        pending = _pending(connection, found)
        if pending:
            answers = _ask(connection, pending[:1], found, "apply", APPLY_SECONDS)
            require_all(answers)
            raise Transient(_text(answers), 5.0)


def _pending(connection: Controller, found: EncryptionKeys) -> list[PlannedNode]:
    """Returns the control planes whose API server has not started with the keys.

    Raises:
        Transient: an API server is not ready, or a machine could not be asked.
    """
    answers = _ask(connection, _members(connection.plan), found, "look", LOOK_SECONDS)
    require_all(answers)
    if away := [answer for answer in answers if answer.found["state"] != "ready"]:
        raise Transient(_text(away), 5.0)
    return [answer.slot for answer in answers if not answer.found["active"]]


def _ask(
    connection: Controller,
    slots: Iterable[PlannedNode],
    found: EncryptionKeys,
    action: str,
    seconds: float,
) -> list[Answer]:
    request: Request = PLACES | {"action": action, "content": found.configuration}
    return run_on_all(connection, slots, "encryption_config", lambda _: request, seconds)


def _text(answers: Iterable[Answer]) -> str:
    texts = (f"{one.slot.name}: {one.found['detail'] or 'it has no API server'}" for one in answers)
    return cut("; ".join(texts), TEXT_CHARACTERS)


def _members(plan: Plan) -> list[PlannedNode]:
    return [slot for slot in plan.nodes if slot.role == CONTROL_PLANE]


def _secrets_in_etcd(connection: Controller, key: str) -> dict[str, Any]:
    """Returns what a member of etcd says of the Secrets, the first that answers.

    Raises:
        Transient: none does.
    """
    faults: list[str] = []
    for slot in etcd_members(connection.plan):
        request = ETCD_PLACES | {
            "action": "look",
            "endpoint": f"https://{slot.address}:2379",
            "key": key,
            "most": AT_ONCE,
        }
        (answer,) = run_on_all(
            connection, [slot], "etcd_secrets", lambda _, asked=request: asked, LOOK_SECONDS
        )
        if answer.code == 0:
            return answer.found
        faults.append(answer.fault)
    raise Transient(cut("; ".join(faults), TEXT_CHARACTERS))
