"""Finds a control plane whose API server is ready, or that the cluster has no Kubernetes."""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from activities.controller_ssh import Controller
from clients.errors import Refused, Transient
from cluster.record import PlannedNode
from cluster.roles import CONTROL_PLANE
from telemetry import spans

PARALLEL = 5
READY_SECONDS = 10.0
CONFIG = "/etc/kubernetes/admin.conf"
# The exit code of the question on a machine on which kubeadm has not made a control plane.
NOT_INSTALLED = 78
READY = [
    "sudo",
    "sh",
    "-c",
    f"test -e {CONFIG} || exit {NOT_INSTALLED}; "
    f"exec kubectl --kubeconfig={CONFIG} --request-timeout=5s get --raw=/readyz",
]


@dataclass(frozen=True)
class ControlPlanes:
    """What the control planes answer.

    Attributes:
        ready: the first whose API server is ready, or None.
        installed: whether there may be Kubernetes. False only if every member says that there is
            none: one that does not answer proves nothing.
        faults: what is wrong with each of them.
    """

    ready: PlannedNode | None
    installed: bool
    faults: tuple[str, ...]


def control_planes(connection: Controller, without: Collection[str] = ()) -> ControlPlanes:
    """Asks all control planes in parallel, so that dead ones cost no time. `without`: those that
    are not asked."""
    nodes = (slot for slot in connection.plan.nodes if slot.name not in without)
    members = [slot for slot in nodes if slot.role == CONTROL_PLANE]
    with ThreadPoolExecutor(PARALLEL) as pool:
        ask = spans.carried(_ask)
        asked = [pool.submit(ask, connection, slot) for slot in members]
        answers = [answer.result() for answer in asked]
    ready = (member for member, (code, _) in zip(members, answers, strict=True) if code == 0)
    return ControlPlanes(
        ready=next(ready, None),
        installed=any(code != NOT_INSTALLED for code, _ in answers),
        faults=tuple(fault for code, fault in answers if code != 0),
    )


def _ask(connection: Controller, slot: PlannedNode) -> tuple[int | None, str]:
    """Returns the exit code, or None without an answer, and what is wrong."""
    try:
        done = connection.run_on(slot, READY, timeout=READY_SECONDS)
    except (Transient, Refused) as error:
        return None, f"{slot.name}: {error}"
    text = done.stderr.decode(errors="replace").strip()
    return done.exit, f"{slot.name}: {text or 'not ready'}"
