"""Activities of a rotation: add_credential, prove_credential, use_credential, rewrite_secrets and
retire_credential.

Each finds what an earlier execution, or an earlier run of the same rotation, has done.
"""

from types import ModuleType

from activities import encryption_rotation, kubeconfig_rotation, ssh_key_rotation
from activities.registration import activity
from activities.rotation import Rotation, end, forget, is_open, rotation_of
from clients.errors import Refused
from cluster.contracts import (
    ADD_CREDENTIAL,
    PROVE_CREDENTIAL,
    RETIRE_CREDENTIAL,
    REWRITE_SECRETS,
    USE_CREDENTIAL,
    RewriteResult,
    RunRef,
)
from cluster.names import ENCRYPTION_KEY, KUBECONFIG, SSH_KEY
from cluster.outcomes import Outcome

STEPS: dict[str, ModuleType] = {
    SSH_KEY: ssh_key_rotation,
    ENCRYPTION_KEY: encryption_rotation,
    KUBECONFIG: kubeconfig_rotation,
}


@activity(ADD_CREDENTIAL)
def add_credential(ref: RunRef) -> Outcome:
    """Makes the new credential, and lets it be accepted beside the old one. An execution that comes
    after the end of the rotation does nothing: it would admit the old one again."""
    rotation = rotation_of(ref)
    steps = _steps(rotation)
    if is_open(rotation):
        steps.add(rotation)
    return Outcome()


@activity(PROVE_CREDENTIAL)
def prove_credential(ref: RunRef) -> Outcome:
    """Shows that the new credential is accepted everywhere."""
    rotation = rotation_of(ref)
    _steps(rotation).prove(rotation)
    return Outcome()


@activity(USE_CREDENTIAL)
def use_credential(ref: RunRef) -> Outcome:
    """Lets Slipway and the cluster use the new credential. The old one is accepted still."""
    rotation = rotation_of(ref)
    _steps(rotation).use(rotation)
    return Outcome()


@activity(REWRITE_SECRETS)
def rewrite_secrets(ref: RunRef) -> RewriteResult:
    """Encrypts every Secret in etcd with the new key."""
    return encryption_rotation.rewrite(rotation_of(ref))


@activity(RETIRE_CREDENTIAL)
def retire_credential(ref: RunRef) -> Outcome:
    """Lets the old credential be refused, and ends the rotation. A repeat finds it ended."""
    rotation = rotation_of(ref)
    if is_open(rotation):
        _steps(rotation).retire(rotation)
        end(rotation)
    forget(rotation)
    return Outcome()


def _steps(rotation: Rotation) -> ModuleType:
    """Raises Refused: UnknownCredential, a newer version claimed the run."""
    found = STEPS.get(rotation.credential)
    if found is None:
        text = f"this version of Slipway does not know the credential '{rotation.credential}'"
        raise Refused("UnknownCredential", text)
    return found
