"""Registers activities with the engine. Converts JSON to models, and service errors to outcomes.

An error of Azure, a machine or the vault becomes an outcome (`wait`, `refused`), which the
orchestrator handles. Only unexpected errors are raised, and the orchestrator retries them. The task
hub stores an exception's text and the host logs it, so the text has only the type and the place.
Texts of services are in the run's record.
"""

import logging
from collections.abc import Callable
from typing import Any, Protocol, cast

from pydantic import ValidationError

from clients.errors import Refused, Transient, type_and_places
from clients.services import services
from clients.time_limit import time_limit
from cluster.contracts import (
    ADD_CREDENTIAL,
    AWAIT_KUBELETS,
    AWAIT_PREVIOUS_RUN,
    DELETE_RESOURCES,
    DELETE_SECRETS,
    PLAN_BACKUP,
    PLAN_MAINTENANCE,
    PLAN_RESTORE,
    PLAN_ROTATION,
    PREPARE_RESTORE,
    PROVE_CREDENTIAL,
    PRUNE_BACKUPS,
    REPLACE_DATA,
    RETIRE_CREDENTIAL,
    REWRITE_SECRETS,
    START_API_SERVERS,
    START_MEMBERS,
    STOP_API_SERVERS,
    TAKE_BACKUP,
    UNDO_RESTORE,
    USE_CREDENTIAL,
    Activity,
    RunRef,
)
from cluster.next_steps import for_data, for_removal, joined, next_step
from cluster.outcomes import Cause, Outcome, cut
from cluster.reasons import Reason, grouped, listed
from telemetry import spans
from telemetry.names import Attribute

log = logging.getLogger("slipway.activities")


class ActivityFaultError(Exception):
    """An unexpected error of an activity.

    The text has the error's type and its stack. It omits the error's own text, which may quote what
    a service sent or received.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(type_and_places(error))


class ServiceFaultError(Exception):
    """A service error of an activity with `raises=True`."""


class Registered(Protocol):
    """An activity as the function app registers it."""

    contract: Activity[Any, Any]

    def __call__(self, payload: dict[str, Any]) -> dict[str, Any]: ...


def activity[In: RunRef, Out: Outcome](
    contract: Activity[In, Out], *, raises: bool = False
) -> Callable[[Callable[[In], Out]], Registered]:
    """Returns a decorator that makes an activity of JSON values from a function of models.

    The activity has the contract's name.

    Args:
        raises: service errors are raised as exceptions. This is for an activity whose outcome would
            be wrong without an answer: the orchestrator retries it.
    """

    def decorate(function: Callable[[In], Out]) -> Registered:
        def run(payload: dict[str, Any]) -> dict[str, Any]:
            request = _taken(contract, payload)
            with (
                spans.operation(request.cluster, request.generation),
                spans.activity(contract.name) as span,
            ):
                result = _executed(contract, function, request, raises)
                span.set_attribute(Attribute.OUTCOME, result.state)
                if result.cause:
                    span.set_attribute(Attribute.CODE, result.cause.code)
                return result.model_dump(mode="json")

        # functools.wraps would copy the other signature, and the host calls a function by its
        # signature.
        run.__name__, run.__doc__ = contract.name, function.__doc__
        run.__module__ = function.__module__
        # Microsoft's Python worker accepts a class as an annotation and refuses a generic alias
        # such as dict[str, Any]; one refused function leaves the whole app without functions.
        run.__annotations__ = {"payload": dict, "return": dict}
        registered = cast(Any, run)
        registered.contract = contract
        return cast(Registered, registered)

    return decorate


def _taken[In: RunRef](contract: Activity[In, Any], payload: dict[str, Any]) -> In:
    try:
        return contract.takes.model_validate(payload)
    except ValidationError as error:  # the error's text quotes the payload
        raise ActivityFaultError(error) from None


def _executed[In: RunRef, Out: Outcome](
    contract: Activity[In, Out], function: Callable[[In], Out], request: In, raises: bool
) -> Out:
    run = spans.bound()[Attribute.OPERATION]
    try:
        with time_limit(contract.seconds):
            _refuse_out_of_turn(contract, request)
            return function(request)
    except (Transient, Refused) as error:
        log.warning("%s: %s: %s", run, contract.name, _named(error))
        if raises:
            raise ServiceFaultError(_named(error)) from None
        return _outcome(contract, error)
    except Exception as error:
        fault = ActivityFaultError(error)
        text = "%s: activity %s raised and is retried a few times: %s"
        log.error(text, run, contract.name, fault)  # noqa: TRY400 -- a traceback quotes the error
        raise fault from None


def _refuse_out_of_turn(contract: Activity[Any, Any], request: RunRef) -> None:
    """Refuses an execution that begins after its run has ended, because a host was frozen or busy,
    or after a newer operation of the cluster was claimed.

    Such an execution could start a VM that nothing stops, or a deployment after a removal.

    Raises:
        Transient: the store does not answer.
        Refused: the run has ended, or is not the newest any more.
    """
    if contract.reports:
        return
    if contract.changes and services().store.has_ended(request):
        raise Refused("RunEnded", f"operation {request.generation} has ended; nothing was done")
    if not contract.ends_own:
        services().store.refuse_superseded(request)


def _named(error: Transient | Refused) -> str:
    """Returns the error for the log, without the service's text, which may quote what was sent."""
    if isinstance(error, Refused):
        return f"refused: {error.code}" + (f" at {error.place}" if error.place else "")
    return "not now" + (f", again in {error.retry_after:g} s" if error.retry_after else "")


def _outcome[Out: Outcome](contract: Activity[Any, Out], error: Transient | Refused) -> Out:
    if isinstance(error, Refused):
        return contract.gives(state="refused", cause=cause_of(error, contract))
    return contract.gives(
        state="wait",
        retry_after=error.retry_after or services().settings.poll_seconds,
        notes=(cut(str(error), 300),),
    )


def cause_of(error: Refused, contract: Activity[Any, Any]) -> Cause:
    """Returns the cause of a refusal: its code, its message and its details, grouped, and the next
    step for its reason and for the operation."""
    text = [Reason(error.message), *map(Reason, error.details)]
    own = "" if error.place.startswith(STORAGE) else NEXT.get(error.code)
    others = (next_step(detail.partition(":")[0], detail) for detail in error.details)
    step = own or joined((next_step(error.code, error.message, error.inner), *others))
    return Cause(
        code=error.code,
        place=error.place or contract.name,
        message=listed(grouped(text)),
        next_step=_of_operation(step, contract),
    )


def _of_operation(step: str, contract: Activity[Any, Any]) -> str:
    """Returns the step with the request that goes on with the activity's operation."""
    if contract.name in REMOVALS:
        return for_removal(step)
    kind = next((kind for kind, names in OF_DATA.items() if contract.name in names), "")
    return for_data(step, kind) if kind else step


# The activities of a removal that may refuse, and those of
# backups, restores, rotations and maintenances.
REMOVALS = (AWAIT_PREVIOUS_RUN.name, DELETE_RESOURCES.name, DELETE_SECRETS.name)
OF_DATA = {
    "maintenance": [PLAN_MAINTENANCE.name],
    "backup": [one.name for one in (PLAN_BACKUP, TAKE_BACKUP, PRUNE_BACKUPS)],
    "restore": [
        one.name
        for one in (
            PLAN_RESTORE,
            PREPARE_RESTORE,
            STOP_API_SERVERS,
            REPLACE_DATA,
            START_MEMBERS,
            START_API_SERVERS,
            AWAIT_KUBELETS,
            UNDO_RESTORE,
        )
    ],
    "rotation": [
        one.name
        for one in (
            PLAN_ROTATION,
            ADD_CREDENTIAL,
            PROVE_CREDENTIAL,
            USE_CREDENTIAL,
            REWRITE_SECRETS,
            RETIRE_CREDENTIAL,
        )
    ],
}
# The place of storage's refusals (`clients/azure/blobs.py`). Its AuthenticationFailed is not SSH's.
STORAGE = "storage: "
NEXT = {
    "BackupDamaged": "restore another backup of the list (slipway backups NAME)",
    "BackupMissing": "name a backup of the list (slipway backups NAME)",
    "BackupOfAnother": "restore another backup of the list (slipway backups NAME)",
    "BackupTooLarge": "remove what fills etcd (events, custom resources), compact and defragment "
    "it, then request the backup again",
    "BackupUnfit": "restore a backup of the versions that the message names",
    "BadHostKey": "send the same spec again; the operation writes public-keys.json again from the "
    "vault",
    "ClusterUnhealthy": "repair the cluster first: send the spec with the version that the cluster "
    "has, then the upgrade again",
    "DeploymentMissing": "send the same spec again; the operation deploys what is missing",
    "ControllerCommandFailed": "fix what the message names on the controller, or delete that VM, "
    "then send the same spec again; the operation creates the VM again",
    "GroupElsewhere": "name another group in resourceGroup, or the group's own location",
    "GroupNotDeleted": "remove what holds the group, then send DELETE again",
    "GroupOfInstallation": "name another group in resourceGroup",
    "GroupOwnedByAnother": "name another group in resourceGroup, or remove that cluster where its "
    "records are",
    "IdentityUnavailable": "assign the managed identity to the function app, then send the "
    "same spec again",
    "KeyMissing": "recover the secret in the vault, then send the same spec again",
    "ResourceOwnedByAnother": "name another group in resourceGroup, or move or remove what the "
    "message names; if it is this cluster's, set its tags slipway-cluster, slipway-uid and "
    "slipway-installation",
    "ControllerOff": "send the same spec again; the operation makes the nodes schedulable again",
    "QuorumAtRisk": "repair or replace the member that is not healthy, then request the "
    "replacement again. If most members lost their data, restore a backup first; if machines of "
    "etcd are lost too, send the same spec before that (docs/backups.md)",
    "RestoreToolMissing": "send the same spec: it installs etcd before it stops because of a lost "
    "majority, also on machines that were made again. It takes an archive with etcdutl, which "
    "etcd's own releases have: correct the mirror if the message says that etcdutl is missing. "
    "Then request the restore again. Nothing was stopped",
    "ManifestUnreadable": "name a mirror whose manifest has that version (slipway mirror)",
    "RemovedApis": "move the clients to a later version of these APIs. API servers count requests "
    "since their start: stop the container kube-apiserver of each control plane (crictl stop), so "
    "that it starts again, then send the same spec again",
    "RunEnded": "nothing to do: this execution began after the end of its operation",
    "SecretOwnedByAnother": "move or remove that secret; if it is this cluster's, set the tags "
    "that the message names, then send the same spec again",
    "StagingFailed": "fix what the message names on the controller, or delete that VM, then send "
    "the same spec again; the operation creates the VM again",
    "Superseded": "nothing to do: a newer operation of the cluster took over",
    "UnknownCredential": "deploy the newer version of Slipway again, then request the rotation "
    "again",
    "UnknownTemplate": "deploy the newer version of Slipway again, then send the same spec again",
    "UpgradeRefused": "name another kubernetes.version, or change what the message names, then "
    "send the spec again",
    "UnreadableDocument": "deploy the version of Slipway that wrote it again, then send the same "
    "spec again",
    "HostKeyMismatch": "another machine answers at that address, or the VM was rebuilt by hand; "
    "delete the VM, then send the same spec again",
    "AuthenticationFailed": "the VM does not accept the cluster's SSH key; delete the VM, then "
    "send the same spec again",
}
