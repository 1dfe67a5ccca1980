"""The rotation that a run makes: what it rotates, and where the new credential is until its end."""

from dataclasses import dataclass

from activities.cluster_secrets import ClusterSecrets
from clients.errors import Refused
from clients.services import services
from cluster import names
from cluster.contracts import RunRef
from cluster.plan import Plan
from cluster.record import ClaimedOperation


@dataclass(frozen=True)
class Rotation:
    """`credential`: what is rotated. `id`: names this rotation, also in runs that go on with it."""

    plan: Plan
    credential: str
    id: str

    @property
    def secrets(self) -> ClusterSecrets:
        return ClusterSecrets.of(self.plan)


def claimed(ref: RunRef) -> ClaimedOperation:
    """Returns the operation of the run.

    Raises:
        Refused: Superseded.
    """
    operation = services().store.need_record(ref.cluster)[0].operation
    if operation is None or operation.generation != ref.generation:
        raise Refused("Superseded", f"run {ref.generation} is not the newest one")
    return operation


def rotation_of(ref: RunRef) -> Rotation:
    """Returns the rotation of a run that was planned.

    Raises:
        Refused: Superseded.
    """
    operation = claimed(ref)
    return Rotation(services().store.need_plan(ref), operation.rotates, operation.rotation)


def is_open(rotation: Rotation) -> bool:
    """Returns whether the rotation has not ended."""
    record, _ = services().store.need_record(rotation.plan.cluster)
    return record.rotations.get(rotation.credential) == rotation.id


def end(rotation: Rotation) -> None:
    """Ends the rotation. From now on nothing asks for the secret in which the new credential is.

    Raises:
        Transient: somebody else wrote the record.
    """
    store = services().store
    record, etag = store.need_record(rotation.plan.cluster)
    left = {name: known for name, known in record.rotations.items() if name != rotation.credential}
    store.update_record(record.model_copy(update={"rotations": left}), etag)


def forget(rotation: Rotation) -> None:
    """Deletes the secret of a rotation that has ended, and then its name from the record.

    Raises:
        Transient: somebody else wrote the record.
    """
    plan, store = rotation.plan, services().store
    secret = names.rotation_secret(plan.cluster, plan.uid, rotation.credential, rotation.id)
    record, etag = store.need_record(plan.cluster)
    if secret in record.secrets:
        services().vault.delete(secret)
        left = tuple(name for name in record.secrets if name != secret)
        store.update_record(record.model_copy(update={"secrets": left}), etag)
