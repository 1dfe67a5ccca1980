"""Activity verify_cluster: asks the systems themselves, through the controller: etcd, containerd
and, where there is one, the API server."""

import json
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
    from clients.ssh import Completed, SshController

PARALLEL = 16
COMMAND_SECONDS = 20.0
PROBE_SECONDS = 55.0
PKI = "/etc/etcd/pki"
PROBE = ["sudo", "python3", "/usr/local/lib/slipway/probe.py", "/etc/kubernetes/admin.conf"]

type Question = tuple[str, Slot, list[str]]


@activity(VERIFY_CLUSTER)
def verify_cluster(ref: RunRef) -> VerifyResult:
    """Only what the play was asked to set up is asked for."""
    plan = services().store.need_plan(ref)
    stages = plan.spec.stages
    questions: list[Question] = []
    if "etcd" in stages:
        questions += [("etcd", s, _etcd(plan)) for s in plan.nodes if s.role == "etcd"]
    if "runtime" in stages:
        questions += [
            ("containerd", s, ["sudo", "ctr", "version"]) for s in plan.nodes if s.role != "etcd"
        ]
    with controller(plan) as connection, ThreadPoolExecutor(PARALLEL) as pool:
        answers = [pool.submit(_ask, connection, plan, *question) for question in questions]
        checks = [answer.result() for answer in answers]
        if "verify" in stages and all(check.ok for check in checks):
            checks += _probe(connection, plan)
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
    name = f"{what} on {slot.name}"
    try:
        done = _run(connection, plan, slot, command)
    except (Transient, Refused) as error:
        return Check(name=name, ok=False, detail=cut(str(error), 300))
    text = (done.stdout + done.stderr).decode(errors="replace").strip()
    return Check(name=name, ok=done.exit == 0, detail="" if done.exit == 0 else cut(text, 300))


def _probe(connection: "SshController", plan: Plan) -> list[Check]:
    """From the first control plane that answers: nodes, names and pods, as the API server and the
    pods themselves tell it."""
    members = [slot for slot in plan.nodes if slot.role == "control-plane"]
    nodes = {slot.name: slot.role for slot in plan.nodes if slot.role != "etcd"}
    wanted = json.dumps({"minor": plan.spec.kubernetes.version, "nodes": nodes}).encode()
    told = ""
    for slot in members:
        try:
            done = _run(connection, plan, slot, PROBE, wanted, PROBE_SECONDS)
        except (Transient, Refused) as error:
            told = str(error)
            continue
        if done.exit == 0:
            return [Check.model_validate(check) for check in json.loads(done.stdout)]
        told = done.stderr.decode(errors="replace").strip()
    return [Check(name="API server", ok=False, detail=cut(told or "no answer", 300))]


def _run(
    connection: "SshController",
    plan: Plan,
    slot: Slot,
    command: list[str],
    stdin: bytes = b"",
    seconds: float = COMMAND_SECONDS,
) -> "Completed":
    public = services().store.public_keys(plan.cluster)
    node = connection.node(slot.address, plan.spec.admin_user, public[slot.name])
    return node.run(command, stdin=stdin, timeout=seconds)
