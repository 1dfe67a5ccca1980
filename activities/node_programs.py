"""Runs the programs of `cluster/on_node` on machines of a cluster, on many at a time."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from activities.controller_ssh import Controller
from clients.errors import Refused, Transient
from clients.ssh.controller import Completed
from cluster.on_node import program
from cluster.outcomes import cut
from cluster.plan import Plan
from cluster.record import PlannedNode
from cluster.roles import ETCD
from telemetry import spans

PARALLEL = 16
TEXT_CHARACTERS = 300
# Where the programs find etcd.
ETCD_PLACES = {"pki": "/etc/etcd/pki", "etcdctl": "/usr/local/bin/etcdctl"}

type Request = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a program on a machine ended with.

    Attributes:
        code: its exit code. None: the machine could not be asked.
        found: what it answered, if the code is 0.
        fault: what is wrong otherwise, with the machine's name.
    """

    slot: PlannedNode
    code: int | None
    found: dict[str, Any] = field(default_factory=dict[str, Any])
    fault: str = ""

    @classmethod
    def of(cls, slot: PlannedNode, done: Completed) -> "Answer":
        if done.exit != 0:
            return cls(slot, done.exit, fault=f"{slot.name}: {text_of(done)}")
        return cls(slot, 0, json.loads(done.stdout))


def etcd_members(plan: Plan) -> list[PlannedNode]:
    return [slot for slot in plan.nodes if slot.role == ETCD]


def run_program(
    connection: Controller, slot: PlannedNode, name: str, request: Request, seconds: float
) -> Completed:
    """Runs a program on one machine. Its request goes to the standard input, which nobody sees."""
    command = ["sudo", "python3", "-c", program(name)]
    return connection.run_on(slot, command, json.dumps(request).encode(), seconds)


def run_program_on_controller(
    connection: Controller, name: str, request: Request, seconds: float
) -> Completed:
    """Runs a program on the controller itself."""
    command = ["sudo", "python3", "-c", program(name)]
    return connection.ssh.run(command, json.dumps(request).encode(), seconds)


def text_of(done: Completed) -> str:
    return done.stderr.decode(errors="replace").strip() or f"exit code {done.exit}"


def run_on_all(
    connection: Controller,
    slots: Iterable[PlannedNode],
    name: str,
    request: Callable[[PlannedNode], Request],
    seconds: float,
) -> list[Answer]:
    """Runs a program on machines in parallel; returns their answers in the same order."""

    def ask(slot: PlannedNode) -> Answer:
        try:
            return Answer.of(slot, run_program(connection, slot, name, request(slot), seconds))
        except (Transient, Refused) as error:
            return Answer(slot, None, fault=f"{slot.name}: {error}")

    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(spans.carried(ask), slots))


def require_all(answers: Iterable[Answer]) -> None:
    """Raises Transient with the faults of the machines that have any."""
    if faults := [answer.fault for answer in answers if answer.code != 0]:
        raise Transient(cut("; ".join(faults), TEXT_CHARACTERS))
