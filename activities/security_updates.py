"""Activities find_updates and install_updates: the security updates of machines.

The program `cluster/on_node/updates.py` finds and installs them, on the machine itself.
"""

from activities.controller_ssh import Controller, controller
from activities.kubernetes_state import kubernetes_state
from activities.node_programs import Answer, Request, run_on_all
from activities.registration import activity
from clients.errors import Transient
from clients.services import services
from cluster.contracts import (
    FIND_UPDATES,
    INSTALL_UPDATES,
    FindInput,
    FoundUpdates,
    UpdateNode,
    UpdateResult,
)
from cluster.plan import Plan
from cluster.record import PlannedNode
from cluster.roles import CONTROL_PLANE, ETCD, WORKER

# In this order machines are updated.
ROLES = (ETCD, CONTROL_PLANE, WORKER)
# How many machines one execution asks.
ASKED = 48
SECONDS = 60.0
AGAIN_SECONDS = 10.0


@activity(FIND_UPDATES)
def find_updates(ref: FindInput) -> FoundUpdates:
    """Asks the next machines, and finds the nodes that an earlier maintenance left unschedulable.

    Raises:
        Transient: no API server is ready.
    """
    slots = _ordered(services().store.need_plan(ref))
    asked = slots[ref.start : ref.start + ASKED]
    with controller(services().store.need_plan(ref)) as connection:
        state = kubernetes_state(connection)
        answers = run_on_all(connection, asked, "updates", lambda _: _request("look"), SECONDS)
    nodes = state["nodes"] if state else {}
    left = {name for name, node in nodes.items() if node["leaving"]}
    following = ref.start + len(asked)
    return FoundUpdates(
        nodes=tuple(a.slot.name for a in answers if _needs(a) or a.slot.name in left),
        next=following if following < len(slots) else 0,
        silent=sum(answer.code != 0 for answer in answers),
    )


@activity(INSTALL_UPDATES)
def install_updates(ref: UpdateNode) -> UpdateResult:
    """Starts the installation on the machine, once in an operation, and waits for its end.

    Raises:
        Transient: the machine does not answer, or the installation runs.
    """
    plan = services().store.need_plan(ref)
    with controller(plan) as connection:
        found = ask(connection, plan.slot(ref.node), "install", operation=ref.generation)
    if found["state"] == "running":
        raise Transient(f"{ref.node}: security updates are being installed", AGAIN_SECONDS)
    failed = found["detail"] or "no message" if found["state"] == "failed" else ""
    return UpdateResult(failed=failed, restart=found["restart"], boot=found["boot"])


def ask(connection: Controller, slot: PlannedNode, action: str, **more: str | int) -> Request:
    """Returns what the program answers on one machine.

    Raises:
        Transient: it does not answer, or the program failed.
    """
    request = _request(action) | more
    (answer,) = run_on_all(connection, [slot], "updates", lambda _: request, SECONDS)
    if answer.code != 0:
        raise Transient(answer.fault, AGAIN_SECONDS)
    return answer.found


def _request(action: str) -> Request:
    return {"action": action, "root": ""}


def _ordered(plan: Plan) -> list[PlannedNode]:
    return [slot for role in ROLES for slot in plan.nodes if slot.role == role]


def _needs(answer: Answer) -> bool:
    return bool(answer.found.get("packages") or answer.found.get("restart"))
