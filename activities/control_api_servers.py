"""Activities stop_api_servers, start_api_servers and await_kubelets: what a restore does with
Kubernetes before and after etcd's data are replaced.

The program `cluster/on_node/api_server.py` does it on the machines.
"""

from typing import Any

from activities import administrators, encryption_rotation
from activities.cluster_secrets import ClusterSecrets
from activities.control_planes import control_planes
from activities.controller_ssh import Controller, controller
from activities.node_programs import (
    TEXT_CHARACTERS,
    Answer,
    Request,
    require_all,
    run_on_all,
)
from activities.registration import activity
from activities.rotation import claimed
from clients.errors import Transient
from clients.services import services
from cluster.contracts import (
    AWAIT_KUBELETS,
    START_API_SERVERS,
    STOP_API_SERVERS,
    KubeletsResult,
    RunRef,
)
from cluster.outcomes import Outcome, cut
from cluster.plan import Plan
from cluster.record import PlannedNode
from cluster.roles import CONTROL_PLANE, ETCD

PLACES = {
    "etc": "/etc/kubernetes",
    "kubectl": "kubectl",
    "systemctl": "systemctl",
    "proc": "/proc",
}
SECONDS, LOOK_SECONDS = 45.0, 15.0
# The nodes that one answer names.
SHOWN = 20


@activity(STOP_API_SERVERS)
def stop_api_servers(ref: RunRef) -> Outcome:
    """Stops the API server of every control plane, for as long as its manifest is out of sight.

    Where the run has started it again, an execution that comes late changes nothing.

    Raises:
        Transient: one may still run.
    """
    answers = _on_control_planes(services().store.need_plan(ref), "stop")
    require_all(answers)
    if running := _in_state(answers, "stopping"):
        raise Transient(f"the API server still runs on {running}")
    return Outcome()


@activity(START_API_SERVERS)
def start_api_servers(ref: RunRef) -> Outcome:
    """Starts the API servers again, with keys that can read the backup's Secrets.

    Raises:
        Transient: one is not ready yet.
    """
    plan = services().store.need_plan(ref)
    _bring_keys_back(ref, plan)
    answers = start_all(plan)
    if waiting := _in_state(answers, "starting"):
        details = (a.found["detail"] for a in answers if a.found["state"] == "starting")
        raise Transient(cut(f"not ready: {waiting}: {next(details)}", TEXT_CHARACTERS))
    return Outcome()


def look_at_all(connection: Controller) -> None:
    """Asks every control plane whether its API server could be stopped. Changes nothing.

    Raises:
        Transient: a machine could not be asked.
    """
    members = _control_planes(connection.plan)
    restore = connection.plan.generation
    require_all(_ask(connection, members, "look", LOOK_SECONDS, restore=restore))


def _bring_keys_back(ref: RunRef, plan: Plan) -> None:
    """Gives API servers that do not run the encryption keys that the backup's Secrets need, if keys
    were rotated since it was taken.

    Raises:
        Transient: a machine could not be asked.
    """
    secrets, store = ClusterSecrets.of(plan), services().store
    operation = claimed(ref)
    backup = store.backup(plan.cluster, plan.uid, operation.backup)
    now = secrets.ensure_encryption_keys()
    wanted = now.for_backup(backup.taken_at if backup else "")
    secrets.use_encryption_keys(wanted)
    if len(wanted.keys) > 1:
        encryption_rotation.write_for_backup(plan, wanted)


def start_all(plan: Plan) -> list[Answer]:
    """Lets every control plane start its API server.

    Raises:
        Transient: a machine could not be asked.
    """
    answers = _on_control_planes(plan, "start")
    require_all(answers)
    return answers


@activity(AWAIT_KUBELETS)
def await_kubelets(ref: RunRef) -> KubeletsResult:
    """Waits until every node is ready and has renewed its lease. Kubelets of nodes that Kubernetes
    does not know, because they joined after the backup, are restarted: they register again.

    Raises:
        Transient: nodes are not ready, or no API server is.
    """
    plan = services().store.need_plan(ref)
    wanted = {slot.name: slot for slot in plan.nodes if slot.role != ETCD}
    with controller(plan) as connection:
        found = control_planes(connection)
        if not found.installed:
            return KubeletsResult()
        if found.ready is None:
            raise Transient(cut("; ".join(found.faults), TEXT_CHARACTERS))
        administrators.keep(connection, found.ready)
        answers = _ask(connection, [found.ready], "nodes", names=[*wanted])
        require_all(answers)
        seen = answers[0].found
        _ask(connection, [wanted[name] for name in seen["absent"]], "kubelet")
    away = [*seen["absent"], *seen["late"]]
    if away:
        text = f"{seen['ready']} of {len(wanted)} nodes are ready; not: {', '.join(away)}"
        raise Transient(cut(text, TEXT_CHARACTERS))
    return KubeletsResult(
        ready=seen["ready"], total=len(wanted), others=tuple(seen["others"][:SHOWN])
    )


def _on_control_planes(plan: Plan, action: str) -> list[Answer]:
    with controller(plan) as connection:
        restore = plan.generation
        return _ask(connection, _control_planes(plan), action, restore=restore)


def _control_planes(plan: Plan) -> list[PlannedNode]:
    return [slot for slot in plan.nodes if slot.role == CONTROL_PLANE]


def _ask(
    connection: Controller,
    slots: list[PlannedNode],
    action: str,
    seconds: float = SECONDS,
    **more: Any,
) -> list[Answer]:
    request: Request = PLACES | {"action": action} | more
    return run_on_all(connection, slots, "api_server", lambda _: request, seconds)


def _in_state(answers: list[Answer], state: str) -> str:
    return ", ".join(answer.slot.name for answer in answers if answer.found["state"] == state)
