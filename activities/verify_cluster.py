"""Activity verify_cluster: asks etcd and containerd on the nodes, through the controller."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from activities.boundary import activity
from activities.channel import controller
from clients.errors import Refused, Transient
from clients.services import services
from cluster.contracts import VERIFY_CLUSTER, Check, RunRef, VerifyResult
from cluster.outcomes import cut
from cluster.plan import Plan
from cluster.record import Slot

if TYPE_CHECKING:
    from clients.ssh import SshController

PARALLEL = 16
COMMAND_SECONDS = 20.0
PKI = "/etc/etcd/pki"

type Question = tuple[str, Slot, list[str]]


@activity(VERIFY_CLUSTER)
def verify_cluster(ref: RunRef) -> VerifyResult:
    """Only what the play was asked to set up is asked for."""
    plan = services().store.need_plan(ref)
    questions: list[Question] = []
    if "etcd" in plan.spec.stages:
        questions += [("etcd", s, _etcd(plan)) for s in plan.nodes if s.role == "etcd"]
    if "runtime" in plan.spec.stages:
        questions += [
            ("containerd", s, ["sudo", "ctr", "version"]) for s in plan.nodes if s.role != "etcd"
        ]
    with controller(plan) as connection, ThreadPoolExecutor(PARALLEL) as pool:
        answers = [pool.submit(_ask, connection, plan, *question) for question in questions]
        checks = [answer.result() for answer in answers]
    return VerifyResult(checks=tuple(checks))


def _etcd(plan: Plan) -> list[str]:
    """Each member is asked about every member, over TLS with its client certificate."""
    endpoints = ",".join(f"https://{s.address}:2379" for s in plan.nodes if s.role == "etcd")
    return [
        "sudo",
        "etcdctl",
        f"--endpoints={endpoints}",
        f"--cacert={PKI}/ca.crt",
        f"--cert={PKI}/client.crt",
        f"--key={PKI}/client.key",
        "endpoint",
        "health",
    ]


def _ask(
    connection: "SshController", plan: Plan, what: str, slot: Slot, command: list[str]
) -> Check:
    public = services().store.public_keys(plan.cluster)
    name = f"{what} on {slot.name}"
    try:
        node = connection.node(slot.address, plan.spec.admin_user, public[slot.name])
        done = node.run(command, timeout=COMMAND_SECONDS)
    except (Transient, Refused) as error:
        return Check(name=name, ok=False, detail=cut(str(error), 300))
    text = (done.stdout + done.stderr).decode(errors="replace").strip()
    return Check(name=name, ok=done.exit == 0, detail=cut(text, 300) if done.exit else "")
