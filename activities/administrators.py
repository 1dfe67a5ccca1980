"""Which administrators a cluster's API servers admit: the groups of kubeconfigs, and their binding.

A client certificate cannot be revoked. So each kubeconfig that a rotation makes has a group of its
own, which is bound to cluster-admin as long as the kubeconfig is used. The first kubeconfig of a
cluster has kubeadm's group. After a rotation, that group's binding names only the user of the
control planes' own `admin.conf`.
"""

from collections.abc import Iterable

from activities.cluster_secrets import ClusterSecrets
from activities.controller_ssh import Controller
from activities.node_programs import TEXT_CHARACTERS, Answer, Request, require_all, run_on_all
from clients.errors import Transient
from cluster.kubeconfig import ADMIN, ADMINS, group_of
from cluster.outcomes import cut
from cluster.record import PlannedNode
from cluster.roles import CONTROL_PLANE

PLACES = {"etc": "/etc/kubernetes", "kubectl": "kubectl", "binding": "slipway:cluster-admins"}
SECONDS = 60.0


def grant(connection: Controller, ready: PlannedNode, groups: Iterable[str]) -> None:
    """Binds these groups, and no others but kubeadm's.

    Args:
        ready: a control plane whose API server is ready.

    Raises:
        Transient: it could not be done.
    """
    own = [group for group in groups if group != ADMINS]
    _ask(connection, [ready], {"action": "grant", "groups": own})


def narrow(connection: Controller, ready: PlannedNode) -> None:
    """Leaves in kubeadm's binding only the user of the control planes' own `admin.conf`.

    Raises:
        Transient: it could not be done.
    """
    _ask(connection, [ready], {"action": "narrow"})


def require(connection: Controller, group: str, *, admitted: bool) -> None:
    """Asks every API server whether the administrator in the group may do everything.

    Raises:
        Transient: the answer of one is another, or it could not be asked.
    """
    members = [slot for slot in connection.plan.nodes if slot.role == CONTROL_PLANE]
    request = {"action": "ask", "user": ADMIN, "group": group}
    answers = _ask(connection, members, request)
    if wrong := [one.slot.name for one in answers if one.found["admitted"] is not admitted]:
        text = f"the API server of {', '.join(wrong)} "
        text += "does not admit" if admitted else "still admits"
        raise Transient(cut(f"{text} the administrator's group {group}", TEXT_CHARACTERS))


def keep(connection: Controller, ready: PlannedNode) -> None:
    """Makes the bindings again as the last rotation left them. A restored backup may be older.

    Does nothing before the first rotation.

    Raises:
        Transient: it could not be done.
    """
    text = ClusterSecrets.of(connection.plan).kubeconfig()
    group = _group(text)
    if group != ADMINS:
        grant(connection, ready, [group])
        narrow(connection, ready)


def _group(text: str) -> str:
    """Returns the kubeconfig's group, or kubeadm's if it cannot be read."""
    try:
        return group_of(text)
    except ValueError:
        return ADMINS


def _ask(connection: Controller, slots: Iterable[PlannedNode], request: Request) -> list[Answer]:
    answers = run_on_all(connection, slots, "admin_access", lambda _: PLACES | request, SECONDS)
    require_all(answers)
    return answers
