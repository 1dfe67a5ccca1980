"""Activity verify_cluster: checks etcd, containerd and, if it exists, the API server.

The checks query the systems themselves, through the controller.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

from activities import administrators
from activities.control_planes import CONFIG, control_planes
from activities.controller_ssh import Controller, controller
from activities.kubeconfig_secret import store_kubeconfig
from activities.node_versions import keep_versions, versions_of
from activities.registration import activity
from clients.errors import Refused, Transient
from clients.services import services
from cluster.contracts import VERIFY_CLUSTER, Check, VerifyInput, VerifyResult
from cluster.outcomes import cut
from cluster.plan import Plan
from cluster.record import PlannedNode
from cluster.roles import ETCD
from telemetry import spans

PARALLEL = 16
COMMAND_SECONDS = 20.0
# Seconds. One execution asks for ASK_SECONDS at most, or the probe runs for PROBE_SECONDS at most.
# The next execution continues.
ASK_SECONDS, PROBE_SECONDS, SHORT_SECONDS = 40.0, 55.0, 10.0
DETAIL_CHARACTERS = 300
# The number of checks that a result carries into the history.
SHOWN = 40
API = "API server"
PKI = "/etc/etcd/pki"
# etcd needs room for its log, for snapshots, and for a defragmentation.
FREE_DISK = [
    "sh",
    "-euc",
    'set -- $(stat --file-system --format="%a %b" /var/lib/etcd) "$1"; '
    'left=$(($1 * 100 / $2)); [ "$left" -ge "$3" ] || '
    '{ echo "only $left % of the disk of /var/lib/etcd is free" >&2; exit 1; }',
    "free",
    "10",
]
PROBE = ["sudo", "python3", "/usr/local/lib/slipway/probe.py", CONFIG]

type Question = tuple[str, PlannedNode, list[str]]


@activity(VERIFY_CLUSTER)
def verify_cluster(ref: VerifyInput) -> VerifyResult:
    """Checks only what the play was asked to set up.

    Answers are stored in the run's checks.json. An execution that runs out of time leaves the rest
    to the next one, and a repetition runs no check twice. The kubeconfig is stored first, because
    it is needed to examine a cluster that fails its checks.
    """
    began = monotonic()
    plan, store = services().store.need_plan(ref), services().store
    known = {check.name: check for check in store.checks(ref, ref.attempt)}
    pending = {name: asked for name, asked in _questions(plan).items() if name not in known}
    probing = "verify" in plan.spec.stages and API not in known
    done = not pending and not probing
    if not known:
        store_kubeconfig(plan)
    if not done:
        with controller(plan) as connection:
            known |= _ask_all(connection, pending, began + ASK_SECONDS)
            done = len(known) >= len(_questions(plan))
            if done and probing and all(check.ok for check in known.values()):
                done = monotonic() - began < SHORT_SECONDS
                known |= _probe(connection) if done else {}
        known = {check.name: check for check in store.add_checks(ref, known.values(), ref.attempt)}
    if done:
        keep_versions(ref, versions_of(known.values()))
    return _result(list(known.values()), done)


def _result(checks: list[Check], done: bool) -> VerifyResult:
    failed = [check for check in checks if not check.ok]
    return VerifyResult(
        state="done" if done else "wait",
        retry_after=None if done else 1.0,
        checks=(*failed, *(check for check in checks if check.ok))[:SHOWN],
        total=len(checks),
        failed=len(failed),
    )


def _questions(plan: Plan) -> dict[str, Question]:
    """Returns the questions by the check's name, in the plan's order."""
    stages = plan.spec.stages
    questions: list[Question] = []
    if "etcd" in stages:
        questions += [("etcd", s, etcd_question(plan)) for s in plan.nodes if s.role == ETCD]
        questions += [("etcd disk", s, FREE_DISK) for s in plan.nodes if s.role == ETCD]
    if "runtime" in stages:
        questions += [
            ("containerd", s, ["sudo", "ctr", "version"]) for s in plan.nodes if s.role != ETCD
        ]
    return {f"{what} on {slot.name}": (what, slot, command) for what, slot, command in questions}


def _ask_all(
    connection: Controller, questions: dict[str, Question], until: float
) -> dict[str, Check]:
    """Returns the checks of the questions that could be asked before the time was over."""

    def ask(item: tuple[str, Question]) -> Check | None:
        name, (_, slot, command) = item
        return _ask(connection, name, slot, command) if monotonic() < until else None

    with ThreadPoolExecutor(PARALLEL) as pool:
        asked = pool.map(spans.carried(ask), questions.items())
        return {check.name: check for check in asked if check}


def etcd_question(plan: Plan) -> list[str]:
    """Returns the command that asks a member about every member, over TLS with its client
    certificate."""
    endpoints = ",".join(f"https://{s.address}:2379" for s in plan.nodes if s.role == ETCD)
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


def _ask(connection: Controller, name: str, slot: PlannedNode, command: list[str]) -> Check:
    try:
        done = connection.run_on(slot, command, timeout=COMMAND_SECONDS)
    except (Transient, Refused) as error:
        return _failed(name, str(error))
    text = (done.stdout + done.stderr).decode(errors="replace").strip()
    return Check(name=name, ok=True) if done.exit == 0 else _failed(name, text)


def _probe(connection: Controller) -> dict[str, Check]:
    """Returns the checks that a ready control plane makes: nodes, names and pods.

    They report what the API server and the pods themselves answer.
    """
    plan = connection.plan
    found = control_planes(connection)
    ready = found.ready
    if ready is None:
        return {API: _failed(API, "; ".join(found.faults))}
    try:
        administrators.keep(connection, ready)
    except (Transient, Refused) as error:
        return {API: _failed(API, str(error))}
    nodes = {slot.name: slot.role for slot in plan.nodes if slot.role != ETCD}
    wanted = json.dumps({"minor": plan.spec.kubernetes.minor, "nodes": nodes}).encode()
    try:
        done = connection.run_on(ready, PROBE, wanted, PROBE_SECONDS)
    except (Transient, Refused) as error:
        return {API: _failed(API, str(error))}
    if done.exit != 0:
        return {API: _failed(API, done.stderr.decode(errors="replace").strip())}
    checks = [Check.model_validate(check) for check in json.loads(done.stdout)]
    return {API: Check(name=API, ok=True, detail=f"asked on {ready.name}")} | {
        check.name: check.model_copy(update={"detail": cut(check.detail, DETAIL_CHARACTERS)})
        for check in checks
    }


def _failed(name: str, text: str) -> Check:
    return Check(name=name, ok=False, detail=cut(text or "no answer", DETAIL_CHARACTERS))
