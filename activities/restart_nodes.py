"""Activities vacate_node and restart_node: one machine is restarted while the others carry on.

A machine is restarted from one boot. So an execution that comes late restarts nothing, and
cordons no node that has been restarted. Whether the others can do without the machine is asked
before it is emptied, and again right before it restarts: emptying it may take long.
"""

from activities.control_planes import control_planes
from activities.controller_ssh import Controller, controller
from activities.drain_nodes import ask_drain, blocked_pods
from activities.kubernetes_state import kubernetes_state
from activities.registration import activity
from activities.security_updates import AGAIN_SECONDS, ask
from activities.verify_cluster import etcd_question
from clients.errors import Transient
from clients.services import services
from cluster.contracts import (
    RESTART_NODE,
    VACATE_NODE,
    DrainResult,
    RestartResult,
    UpdateNode,
)
from cluster.on_node.kubernetes_state import COMPONENTS
from cluster.outcomes import cut
from cluster.record import PlannedNode
from cluster.roles import CONTROL_PLANE, ETCD

COMMAND_SECONDS = 20.0
TEXT_CHARACTERS = 300


@activity(VACATE_NODE)
def vacate_node(ref: UpdateNode) -> DrainResult:
    """Looks whether the others can do without the machine, then makes one pass of a drain. Pods
    that a budget holds stay: nobody decides here against a budget.

    A node that was restarted meanwhile is not emptied any more: there is nothing to empty it for.

    Raises:
        Transient: an etcd member is not healthy, or another API server is not ready.
    """
    plan = services().store.need_plan(ref)
    slot = plan.slot(ref.node)
    asked = {"leaving": [ref.node], "force": plan.spec.drain.force, "delete": False}
    asked |= {"seen": {ref.node: {"bootID": ref.boot}}}
    with controller(plan) as connection:
        if fault := _fault_of_others(connection, slot):
            raise Transient(fault, AGAIN_SECONDS)
        if slot.role == ETCD:
            return DrainResult(looked=True, emptied=1)
        answer = ask_drain(connection, asked)
    empty = answer is None or ref.node in (*answer["drained"], *answer["changed"])
    return DrainResult(
        state="done" if empty else "wait",
        retry_after=None if empty else services().settings.poll_seconds,
        looked=True,
        kubernetes=answer is not None,
        emptied=int(empty),
        pods=0 if answer is None else max(answer["left"].get(ref.node, 0), 0),
        blocked=() if empty or answer is None else blocked_pods(answer["blocked"]),
    )


@activity(RESTART_NODE)
def restart_node(ref: UpdateNode) -> RestartResult:
    """Restarts the machine, waits until it is well, and makes its node schedulable again. With the
    step `leave`, only the last. It is not restarted while another member is away.

    Raises:
        Transient: the machine, its member of etcd or its node is not well yet.
    """
    plan = services().store.need_plan(ref)
    slot, reason = plan.slot(ref.node), ""
    with controller(plan) as connection:
        if ref.step != "leave":
            if _is_due(connection, slot, ref.boot) and (
                fault := _fault_of_others(connection, slot)
            ):
                return RestartResult(held=fault)
            found = ask(connection, slot, "restart", boot=ref.boot)
            if found["state"] == "restarting":
                raise _restarts(slot)
            reason = found["restart"]
            if slot.role != ETCD:
                _need_node(connection, slot, found["boot"])
            elif fault := _fault_of_members(connection, slot):
                raise Transient(fault, AGAIN_SECONDS)
        if slot.role != ETCD:
            answer = ask_drain(connection, {"returning": [ref.node]})
            if answer is not None and ref.node not in answer["returned"]:
                raise Transient(f"{ref.node} is still unschedulable", AGAIN_SECONDS)
    return RestartResult(restart=reason)


def _is_due(connection: Controller, slot: PlannedNode, boot: str) -> bool:
    """Returns whether the machine still runs since that boot.

    Raises:
        Transient: it is shutting down, so its own member does not answer any more.
    """
    found = ask(connection, slot, "boot")
    if found["boot"] == boot and found["stopping"]:
        raise _restarts(slot)
    return found["boot"] == boot


def _restarts(slot: PlannedNode) -> Transient:
    return Transient(f"{slot.name} restarts", AGAIN_SECONDS)


def _fault_of_others(connection: Controller, slot: PlannedNode) -> str:
    """Returns why the others cannot do without the machine now, or ""."""
    if slot.role == ETCD:
        return _fault_of_members(connection, slot)
    return _fault_of_api_servers(connection, slot) if slot.role == CONTROL_PLANE else ""


def _fault_of_members(connection: Controller, slot: PlannedNode) -> str:
    """Returns "" if the member sees every member of etcd healthy, and what it sees otherwise."""
    if "etcd" not in connection.plan.spec.stages:
        return ""
    done = connection.run_on(slot, etcd_question(connection.plan), timeout=COMMAND_SECONDS)
    text = (done.stdout + done.stderr).decode(errors="replace").strip()
    return cut(f"etcd on {slot.name}: {text}", TEXT_CHARACTERS) if done.exit != 0 else ""


def _fault_of_api_servers(connection: Controller, slot: PlannedNode) -> str:
    """Returns "" if every other control plane has a ready API server, and what they answer
    otherwise. The only control plane is restarted: its API does not answer meanwhile."""
    others = [one.name for one in connection.plan.nodes if one.role == CONTROL_PLANE]
    for name in others:
        if name != slot.name:
            found = control_planes(connection, without={*others} - {name})
            if found.installed and found.ready is None:
                return cut("; ".join(found.faults), TEXT_CHARACTERS)
    return ""


def _need_node(connection: Controller, slot: PlannedNode, boot: str) -> None:
    """Raises Transient unless Kubernetes sees the node ready since this boot."""
    state = kubernetes_state(connection)
    if state is None:
        return
    node = state["nodes"].get(slot.name)
    if node is None:
        text = "the API server does not know the node"
    elif node["boot"] != boot or not node["ready"]:
        text = "it is not ready since its restart"
    else:
        parts = state["components"].get(slot.name, {})
        lacking = [p for p in COMPONENTS if slot.role == CONTROL_PLANE and not parts.get(p)]
        text = f"not ready: {', '.join(lacking)}" if lacking else ""
    if text:
        raise Transient(f"{slot.name}: {text}", AGAIN_SECONDS)
