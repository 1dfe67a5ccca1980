"""Activities drain_nodes, return_nodes and forget_nodes: the part of a removal in Kubernetes.

The program `cluster/on_node/drain.py` does it on a control plane, with the machine's own
credential. Each execution is one pass of it, which a repetition continues.
"""

import json
from typing import Any, TypedDict

from activities.control_planes import CONFIG, control_planes
from activities.controller_ssh import Controller, controller
from activities.registration import activity
from activities.start_play import is_on
from clients.errors import Refused, Transient
from clients.services import services
from cluster.contracts import (
    DRAIN_NODES,
    FORGET_NODES,
    RETURN_NODES,
    BlockedPod,
    DrainInput,
    DrainResult,
    ForgetResult,
    RunRef,
)
from cluster.on_node import program
from cluster.outcomes import Outcome, cut
from cluster.plan import Plan
from cluster.record import ClusterRecord
from cluster.roles import ETCD

# Seconds. A pass ends by itself before its command is given up.
PASS_SECONDS, COMMAND_SECONDS = 40.0, 75.0
SOON = 1.0
NAMES_TOLD, BLOCKED_TOLD, TEXT_CHARACTERS = 20, 5, 300


class DrainAnswer(TypedDict):
    """The output of the program."""

    returned: list[str]
    gone: list[str]
    changed: list[str]
    drained: list[str]
    left: dict[str, int]
    blocked: list[Any]


@activity(DRAIN_NODES)
def drain_nodes(ref: DrainInput) -> DrainResult:
    """Makes one pass over the nodes that leave, and over those that are taken back.

    Nodes without pods are recorded as emptied. Only such nodes are removed.

    Raises:
        Transient: no API server is ready, or the control plane could not be asked.
    """
    plan, store = services().store.need_plan(ref), services().store
    before = store.emptied_nodes(ref)
    leaving = [slot.name for slot in plan.leaving]
    nodes = _of_kubernetes(plan)
    asked = {
        "leaving": nodes,
        "returning": plan.returning,
        "force": plan.force,
        "delete": ref.step != "evict",
    }
    answer = None
    if nodes or plan.returning:
        with controller(plan) as connection:
            answer = ask_drain(connection, asked)
    found = nodes if answer is None or ref.step == "leave" else answer["drained"]
    emptied = store.add_emptied_nodes(ref, found)
    newly = [name for name in leaving if name in emptied - before]
    left = [] if answer is None else [c for n, c in answer["left"].items() if n not in emptied]
    returned = answer is None or set(answer["returned"]) >= set(plan.returning)
    done = returned and emptied >= set(leaving)
    return DrainResult(
        state="done" if done else "wait",
        retry_after=None if done else services().settings.poll_seconds,
        looked=True,
        kubernetes=answer is not None or not nodes,
        emptied=len(emptied),
        newly=tuple(newly[:NAMES_TOLD]),
        pods=sum(max(count, 0) for count in left),
        blocked=() if done or answer is None else blocked_pods(answer["blocked"]),
    )


@activity(RETURN_NODES)
def return_nodes(ref: RunRef) -> Outcome:
    """Makes the nodes schedulable again that were to leave and were not emptied. An emptied one may
    be losing its machine already."""
    plan, store = services().store.need_plan(ref), services().store
    emptied = store.emptied_nodes(ref)
    names = [name for name in _of_kubernetes(plan) if name not in emptied]
    if names:
        try:
            with controller(plan) as connection:
                answer = ask_drain(connection, {"returning": names})
        except Transient:
            if is_on(plan):
                raise
            text = f"the controller is off, so these nodes may be unschedulable: {', '.join(names)}"
            raise Refused("ControllerOff", cut(text, 300), place=plan.controller.name) from None
        if answer is not None and len(answer["returned"]) < len(names):
            return Outcome(state="wait", retry_after=SOON)
        _unmark(ref, {*names} & {*plan.rebuilt})
    return Outcome()


@activity(FORGET_NODES)
def forget_nodes(ref: RunRef) -> ForgetResult:
    """Deletes the node objects of the removed machines, then their slots in the record."""
    plan, store = services().store.need_plan(ref), services().store
    emptied = store.emptied_nodes(ref)
    names = [slot.name for slot in plan.leaving if slot.name in emptied]
    if names:
        if nodes := [name for name in _of_kubernetes(plan) if name in emptied]:
            with controller(plan) as connection:
                answer = ask_drain(connection, {"gone": nodes})
            if answer is not None and len(answer["gone"]) < len(nodes):
                return ForgetResult(state="wait", retry_after=SOON)
        record, etag = store.need_record(ref.cluster)
        if (changed := _without(record, plan, set(names))) != record:
            store.update_record(changed, etag)
    return ForgetResult(count=len(names), nodes=tuple(names[:NAMES_TOLD]))


def _unmark(ref: RunRef, stay: set[str]) -> None:
    """Takes the mark from nodes that were to be replaced and are not."""
    record, etag = services().store.need_record(ref.cluster)
    slots = tuple(
        slot.model_copy(update={"leaving": False}) if slot.name in stay else slot
        for slot in record.slots
    )
    if slots != record.slots:
        services().store.update_record(record.model_copy(update={"slots": slots}), etag)


def _of_kubernetes(plan: Plan) -> list[str]:
    """Returns the leaving nodes that run pods."""
    return [slot.name for slot in plan.leaving if slot.role != ETCD]


def ask_drain(connection: Controller, request: dict[str, Any]) -> DrainAnswer | None:
    """Runs one pass and returns its answer, or None if the cluster has no Kubernetes.

    Raises:
        Transient: no API server is ready, the program failed, or its answer was cut off.
    """
    found = control_planes(connection)
    if not found.installed:
        return None
    if found.ready is None:
        raise Transient(f"no API server is ready: {'; '.join(found.faults)}")
    settings = {"config": CONFIG, "seconds": PASS_SECONDS, "force": False, "delete": False}
    command = ["sudo", "python3", "-c", program("drain")]
    stdin = json.dumps(settings | request).encode()
    done = connection.run_on(found.ready, command, stdin, COMMAND_SECONDS)
    text = done.stderr.decode(errors="replace").strip()
    if done.exit != 0:
        raise Transient(cut(f"{found.ready.name}: {text or f'exit code {done.exit}'}", 300))
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise Transient(f"the answer of {found.ready.name} was cut off") from None


def blocked_pods(found: list[Any]) -> tuple[BlockedPod, ...]:
    told = (BlockedPod.model_validate(one) for one in found)
    return tuple(
        one.model_copy(update={"message": cut(one.message, TEXT_CHARACTERS)}) for one in told
    )[:BLOCKED_TOLD]


def _without(record: ClusterRecord, plan: Plan, removed: set[str]) -> ClusterRecord:
    """Returns the record without these slots, and the spec as built without a pool that lost its
    last slot and is not asked for any more. The pool's subnet remains: ARM keeps it.

    A node that comes back keeps its slot, which is not leaving any more.
    """
    stay = {slot.name for slot in plan.slots}
    slots = tuple(
        slot.model_copy(update={"leaving": False}) if slot.name in removed else slot
        for slot in record.slots
        if slot.name not in removed or slot.name in stay
    )
    wanted = {pool.name for pool in plan.spec.workers} | {slot.pool for slot in slots}
    gone = {slot.pool for slot in plan.leaving} - wanted
    kubelets = {name: found for name, found in record.kubelets.items() if name not in removed}
    changes: dict[str, Any] = {"slots": slots, "kubelets": kubelets}
    if gone:
        changes["built"] = _without_pools(record.built, gone)
    return record.model_copy(update=changes)


def _without_pools(built: dict[str, Any] | None, gone: set[str]) -> dict[str, Any] | None:
    if built is None:
        return None
    pools = [pool for pool in built.get("workers", []) if pool.get("name") not in gone]
    return built | {"workers": pools}
