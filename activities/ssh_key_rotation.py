"""The steps of a rotation of the SSH key that opens every machine of a cluster.

The new key is added beside the old one, proven by a connection to every machine, and only then
stored as the cluster's. Host keys do not change: they stay pinned.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from activities.controller_ssh import Controller, controller
from activities.ensure_keys import CLUSTER_KEY
from activities.node_programs import (
    PARALLEL,
    TEXT_CHARACTERS,
    Answer,
    Request,
    require_all,
    run_on_all,
    run_program_on_controller,
)
from activities.rotation import Rotation
from clients.errors import Refused, Transient
from clients.services import services
from cluster import keys
from cluster.names import SSH_KEY
from cluster.outcomes import cut
from cluster.record import PlannedNode
from telemetry import spans

SECONDS = 30.0


class NewKey(NamedTuple):
    """`private`: the new key. `old`: the public half of the key before it."""

    private: str
    old: str

    @property
    def public(self) -> str:
        return keys.public_half(self.private)


def add(rotation: Rotation) -> None:
    """Lets every machine accept the new key too.

    Raises:
        Transient: a machine could not be asked.
    """
    key = rotation.secrets.ensure_cluster_key()
    made = {"private": keys.new_ssh_key(), "old": keys.public_half(key)}
    new = _read(rotation.secrets.ensure_new(SSH_KEY, rotation.id, lambda: json.dumps(made)))
    if key != new.private:  # otherwise it was proven on every machine before
        with controller(rotation.plan) as connection:
            _on_every_machine(connection, {"action": "add", "key": new.public})


def prove(rotation: Rotation) -> None:
    """Connects to every machine with the new key.

    Raises:
        Transient: a machine does not accept it, or does not answer.
    """
    with controller(rotation.plan, _new(rotation).private) as connection:

        def ask(slot: PlannedNode) -> str:
            try:
                done = connection.run_on(slot, ["true"], timeout=SECONDS)
            except (Transient, Refused) as error:
                return f"{slot.name}: {error}"
            return f"{slot.name}: exit code {done.exit}" if done.exit else ""

        with ThreadPoolExecutor(PARALLEL) as pool:
            faults = [fault for fault in pool.map(spans.carried(ask), _nodes(rotation)) if fault]
    if faults:
        raise Transient(cut("; ".join(faults), TEXT_CHARACTERS))


def use(rotation: Rotation) -> None:
    """Stores the new key as the cluster's, and its public half for machines to come."""
    new, store, cluster = _new(rotation), services().store, rotation.plan.cluster
    rotation.secrets.use_cluster_key(new.private)
    public = store.public_keys(cluster)
    if public.get(CLUSTER_KEY) != new.public:
        store.save_public_keys(cluster, public | {CLUSTER_KEY: new.public})


def retire(rotation: Rotation) -> None:
    """Lets no machine accept the old key.

    Raises:
        Transient: a machine could not be asked.
    """
    new = _new(rotation)
    with controller(rotation.plan, new.private) as connection:
        _on_every_machine(connection, {"action": "remove", "key": new.public, "old": new.old})


def _new(rotation: Rotation) -> NewKey:
    return _read(rotation.secrets.new(SSH_KEY, rotation.id))


def _read(text: str) -> NewKey:
    return NewKey(**json.loads(text))


def _nodes(rotation: Rotation) -> tuple[PlannedNode, ...]:
    return tuple(rotation.plan.nodes)


def _on_every_machine(connection: Controller, request: Request) -> None:
    """Runs the program on the nodes, and then on the controller, through which they are reached."""
    plan, name = connection.plan, "authorized_keys"
    asked = request | {"user": plan.spec.admin_user}
    require_all(run_on_all(connection, plan.nodes, name, lambda _: asked, SECONDS))
    done = run_program_on_controller(connection, name, asked, SECONDS)
    require_all([Answer.of(plan.controller, done)])
