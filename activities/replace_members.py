"""Activities check_members and release_members: whether the cluster can do without a member for a
while, and a member's leave from etcd.

Both ask the members themselves, and the second one looks again at the moment of the removal.
"""

import json
from typing import Any

from activities.control_planes import control_planes
from activities.controller_ssh import Controller, controller
from activities.registration import activity
from clients.errors import Refused, Transient
from clients.services import services
from clients.ssh.controller import Completed
from cluster.contracts import CHECK_MEMBERS, RELEASE_MEMBERS, RunRef
from cluster.on_node import program
from cluster.on_node.members import NOT_INSTALLED, UNSAFE, is_safe
from cluster.outcomes import Outcome, cut
from cluster.plan import Plan
from cluster.record import PlannedNode
from cluster.roles import CONTROL_PLANE, ETCD

SECONDS = 60.0
PLACES = {"pki": "/etc/etcd/pki", "etcdctl": "/usr/local/bin/etcdctl"}
# Seconds between looks, if the first one finds that the others have no majority.
PAUSES = (5.0, 10.0)
TEXT_CHARACTERS = 300


@activity(CHECK_MEMBERS)
def check_members(ref: RunRef) -> Outcome:
    """Examines the members that stay, before anything is done to the one that is replaced.

    Raises:
        Transient: none of the others answers.
        Refused: QuorumAtRisk.
    """
    plan = services().store.need_plan(ref)
    with controller(plan) as connection:
        for slot in _members(plan, ETCD):
            if slot.name not in services().store.emptied_nodes(ref):
                found = _ask(connection, slot, "look")
                if found is not None and not is_safe(found):
                    raise _at_risk(slot, found)
        for slot in _members(plan, CONTROL_PLANE):
            _check_control_plane(connection, slot)
    return Outcome()


@activity(RELEASE_MEMBERS)
def release_members(ref: RunRef) -> Outcome:
    """Removes the etcd members that are replaced from etcd, and records that their machines may be
    deleted. A repeat that finds that recorded does nothing: a member of that name may be a new one.

    Raises:
        Transient: none of the others answers.
        Refused: QuorumAtRisk.
    """
    plan, store = services().store.need_plan(ref), services().store
    for slot in _members(plan, ETCD):
        if slot.name in store.emptied_nodes(ref):
            continue
        _mark(ref, slot.name)
        with controller(plan) as connection:
            found = _ask(connection, slot, "remove")
        if found is not None and found["listed"] and not found["removed"]:
            raise _at_risk(slot, found)
        store.add_emptied_nodes(ref, [slot.name])
    return Outcome()


def _members(plan: Plan, role: str) -> list[PlannedNode]:
    return [slot for slot in plan.leaving if slot.role == role]


def _mark(ref: RunRef, name: str) -> None:
    """Records that the member leaves: whatever happens, a later run has to replace it."""
    store = services().store
    record, etag = store.need_record(ref.cluster)
    slots = tuple(
        slot.model_copy(update={"leaving": True}) if slot.name == name else slot
        for slot in record.slots
    )
    if slots != record.slots:
        store.update_record(record.model_copy(update={"slots": slots}), etag)


def _ask(connection: Controller, slot: PlannedNode, action: str) -> dict[str, Any] | None:
    """Returns the answer of the first other member that has one, or None if none of them has etcd.

    Raises:
        Transient: one of the others may have etcd, and none answers.
    """
    others = _others(connection.plan, slot)
    request = PLACES | {"action": action, "peer": f"https://{slot.address}:2380", "pauses": PAUSES}
    faults: list[str] = []
    for other in others:
        try:
            done = connection.run_on(
                other,
                ["sudo", "python3", "-c", program("members")],
                json.dumps(request).encode(),
                SECONDS,
            )
        except (Transient, Refused) as error:
            faults.append(f"{other.name}: {error}")
            continue
        if done.exit in (0, UNSAFE):
            return _document(other, done)
        if done.exit != NOT_INSTALLED:
            text = done.stderr.decode(errors="replace").strip()
            faults.append(f"{other.name}: {text or f'exit code {done.exit}'}")
    if faults:
        text = f"no other etcd member answers: {'; '.join(faults)}"
        raise Transient(cut(text, TEXT_CHARACTERS))
    return None


def _others(plan: Plan, slot: PlannedNode) -> list[PlannedNode]:
    """Returns the other members of the slot's tier.

    Raises:
        Refused: QuorumAtRisk, there are none.
    """
    others = [one for one in plan.nodes if one.role == slot.role and one.name != slot.name]
    if not others:
        text = f"{slot.name} is the only member of its tier, so it cannot be replaced"
        raise Refused("QuorumAtRisk", text, place=slot.name)
    return others


def _document(slot: PlannedNode, done: Completed) -> dict[str, Any]:
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise Transient(f"the answer of {slot.name} was cut off") from None


def _at_risk(slot: PlannedNode, found: dict[str, Any]) -> Refused:
    text = f"{slot.name} was not removed from etcd: {found['well']} of the {found['others']} other "
    text += f"members are healthy, {found['needed']} have to be"
    if found["well"] >= found["needed"]:
        text = f"{slot.name} is healthy and was not removed from etcd, because another member is "
        text += "not healthy: replace that one first"
    return Refused("QuorumAtRisk", text, list(found["faults"]), place=slot.name)


def _check_control_plane(connection: Controller, slot: PlannedNode) -> None:
    """Refuses to take a control plane away unless the API is served without it.

    Raises:
        Refused: QuorumAtRisk.
    """
    _others(connection.plan, slot)
    others = control_planes(connection, without=(slot.name,))
    if not others.installed:
        return
    if others.ready is None:
        text = f"{slot.name} was not touched: no other control plane's API server is ready"
        raise Refused("QuorumAtRisk", text, list(others.faults), place=slot.name)
    if others.faults:
        own = control_planes(
            connection, without={one.name for one in connection.plan.nodes} - {slot.name}
        )
        if own.ready is not None:
            text = f"{slot.name} is ready and was not touched, because another control plane is "
            text += "not ready: replace that one first"
            raise Refused("QuorumAtRisk", text, list(others.faults), place=slot.name)
