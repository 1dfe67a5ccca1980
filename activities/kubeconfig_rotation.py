"""The steps of a rotation of the administrator's kubeconfig.

The new one is of another group than the old one (`activities/administrators.py`). It comes from no
machine and is sent to none: the API servers are asked what they would let its user do.
"""

import json
from typing import NamedTuple

from activities import administrators
from activities.cluster_secrets import KUBERNETES
from activities.control_planes import control_planes
from activities.controller_ssh import Controller, controller
from activities.kubeconfig_secret import server_of
from activities.node_programs import TEXT_CHARACTERS
from activities.rotation import Rotation
from clients.errors import Transient
from cluster.kubeconfig import ADMINS, group_of, new_kubeconfig, rotated_group
from cluster.names import KUBECONFIG
from cluster.outcomes import cut
from cluster.record import PlannedNode


class NewKubeconfig(NamedTuple):
    """`text`: the new kubeconfig. `old`: the group of the one before it."""

    text: str
    old: str


def add(rotation: Rotation) -> None:
    """Makes the new kubeconfig and lets its group be admitted, beside the old one.

    Raises:
        Transient: no API server is ready.
    """
    new = _read(rotation.secrets.ensure_new(KUBECONFIG, rotation.id, lambda: _made(rotation)))
    with controller(rotation.plan) as connection:
        groups = [new.old, rotated_group(rotation.id)]
        administrators.grant(connection, _ready(connection), groups)


def prove(rotation: Rotation) -> None:
    """Asks every API server whether it admits the new group.

    Raises:
        Transient: one does not.
    """
    with controller(rotation.plan) as connection:
        administrators.require(connection, rotated_group(rotation.id), admitted=True)


def use(rotation: Rotation) -> None:
    """Stores the new kubeconfig in the place of the old one."""
    rotation.secrets.use_kubeconfig(_new(rotation).text)


def retire(rotation: Rotation) -> None:
    """Lets no API server admit the old kubeconfig, nor any other of its group.

    Raises:
        Transient: one still does.
    """
    new = _new(rotation)
    with controller(rotation.plan) as connection:
        ready = _ready(connection)
        administrators.grant(connection, ready, [rotated_group(rotation.id)])
        administrators.narrow(connection, ready)
        for group in dict.fromkeys((new.old, ADMINS)):
            administrators.require(connection, group, admitted=False)


def _made(rotation: Rotation) -> str:
    plan, secrets = rotation.plan, rotation.secrets
    authority = secrets.ensure_authority(KUBERNETES)
    group = rotated_group(rotation.id)
    text = new_kubeconfig(plan.cluster, server_of(plan), authority, group)
    try:
        old = group_of(secrets.kubeconfig())
    except ValueError:
        old = ADMINS
    return json.dumps({"text": text, "old": old})


def _new(rotation: Rotation) -> NewKubeconfig:
    return _read(rotation.secrets.new(KUBECONFIG, rotation.id))


def _read(text: str) -> NewKubeconfig:
    return NewKubeconfig(**json.loads(text))


def _ready(connection: Controller) -> PlannedNode:
    found = control_planes(connection)
    if found.ready is None:
        raise Transient(cut("; ".join(found.faults), TEXT_CHARACTERS))
    return found.ready
