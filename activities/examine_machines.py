"""Activity examine_machines: finds what the verification does not ask for.

These are certificates that are due and were not renewed, backups that are too old, and machines
that are off.
"""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from activities.controller_ssh import Controller, controller
from activities.plan_maintenance import machine_off
from activities.registration import activity
from clients.azure.vm_power import RUNNING
from clients.errors import Refused, Transient
from clients.services import services
from cluster import names
from cluster.contracts import EXAMINE_MACHINES, Check, ExamineInput, ExamineResult, RunRef
from cluster.health import HealthFinding, finding, merged, of_check
from cluster.on_node import program
from cluster.outcomes import cut
from cluster.plan import Plan
from cluster.record import PlannedNode
from cluster.roles import CONTROL_PLANE, ETCD
from telemetry import spans

PARALLEL = 16
COMMAND_SECONDS = 20.0
# Seconds. One execution asks machines for so long, and the next one continues.
ASK_SECONDS = 60.0
DETAIL_CHARACTERS = 300
# A maintenance that took no backup reports it, unless there is one that is not older than this.
BACKUP_AGE = timedelta(days=1)
# What the full pass renews has more days than this afterwards: it renews at 90 (`certificates` and
# `control_plane` of the playbook), and a control plane renews its own at an hour of its own.
RENEWED_DAYS = 85
# The kubelet renews its own, between 30 and 10 percent of a year before its end.
KUBELET_DAYS = 30
ETCD_PLACES = [{"path": "/etc/etcd/pki/*.crt", "days": RENEWED_DAYS}]
KUBELET_PLACES = [{"path": "/var/lib/kubelet/pki/kubelet-client-current.pem", "days": KUBELET_DAYS}]
CONTROL_PLACES = [
    {"path": "/etc/kubernetes/pki/*.crt", "days": RENEWED_DAYS},
    {"path": "/etc/kubernetes/etcd/*.crt", "days": RENEWED_DAYS},
    {"path": "/etc/kubernetes/*.conf", "days": RENEWED_DAYS},
]


@activity(EXAMINE_MACHINES)
def examine_machines(ref: ExamineInput) -> ExamineResult:
    """Returns the findings. An execution that runs out of time leaves the rest to the next one,
    and no machine is asked twice."""
    began = monotonic()
    plan, store = services().store.need_plan(ref), services().store
    known = {check.name: check for check in store.certificate_checks(ref)}
    suspects = set(ref.suspects)
    pending = [
        slot for slot in _asked(plan) if _check_of(slot) not in known and slot.name not in suspects
    ]
    if pending:
        with controller(plan) as connection:
            asked = list(_ask_all(connection, pending, began + ASK_SECONDS))
        known = {check.name: check for check in store.add_certificate_checks(ref, asked)}
        if len(asked) < len(pending):
            return ExamineResult(state="wait", retry_after=1.0)
    due = (of_check(check.name, check.detail) for check in known.values() if not check.ok)
    return ExamineResult(findings=merged(_off(plan, ref.suspects), due, _backups(plan, ref)))


def _asked(plan: Plan) -> list[PlannedNode]:
    return [slot for slot in plan.nodes if _places(plan, slot)]


def _places(plan: Plan, slot: PlannedNode) -> list[dict[str, Any]]:
    """Returns where the machine has certificates that the stages of the play made."""
    stages = plan.spec.stages
    if slot.role == ETCD:
        return ETCD_PLACES if "etcd" in stages else []
    if slot.role == CONTROL_PLANE:
        return CONTROL_PLACES + KUBELET_PLACES if "control-plane" in stages else []
    return KUBELET_PLACES if "workers" in stages else []


def _check_of(slot: PlannedNode) -> str:
    return f"certificates on {slot.name}"


def _ask_all(connection: Controller, slots: list[PlannedNode], until: float) -> Iterable[Check]:
    def ask(slot: PlannedNode) -> Check | None:
        return _ask(connection, slot) if monotonic() < until else None

    with ThreadPoolExecutor(PARALLEL) as pool:
        yield from filter(None, pool.map(spans.carried(ask), slots))


def _ask(connection: Controller, slot: PlannedNode) -> Check:
    """Returns whether no certificate of the machine is due. A machine that does not answer is not
    one with due certificates: the verification tells that it does not."""
    name, stdin = _check_of(slot), json.dumps(_places(connection.plan, slot)).encode()
    command = ["sudo", "python3", "-c", program("certificates")]
    try:
        done = connection.run_on(slot, command, stdin, COMMAND_SECONDS)
    except (Transient, Refused) as error:
        return Check(name=name, ok=True, detail=cut(f"not asked: {error}", DETAIL_CHARACTERS))
    if done.exit != 0:
        text = done.stderr.decode(errors="replace").strip() or f"exit code {done.exit}"
        return Check(name=name, ok=False, detail=cut(text, DETAIL_CHARACTERS))
    due: list[dict[str, str]] = json.loads(done.stdout)
    text = "; ".join(f"{one['path']} ends {one['ends']}" for one in due)
    return Check(name=name, ok=not due, detail=cut(text, DETAIL_CHARACTERS))


def _off(plan: Plan, suspects: Iterable[str]) -> list[HealthFinding]:
    """Returns the suspects that do not exist or do not run."""
    known = {slot.name for slot in plan.nodes}
    found: list[HealthFinding] = []
    for name in suspects:
        if name not in known:
            continue
        vm = services().compute.vm(plan.group, name)
        if vm is None:
            found.append(finding("MachineMissing", name))
        elif vm.power_state != RUNNING:
            found.append(machine_off(name, vm.power_state))
    return found


def _backups(plan: Plan, ref: RunRef) -> list[HealthFinding]:
    if "etcd" not in plan.spec.stages:
        return []
    newest = next(iter(services().store.backups(plan.cluster, plan.uid)), None)
    if newest is None:
        return [finding("BackupTooOld", "", "there is no backup")]
    if newest.id == names.backup_id(ref.generation):
        return []
    taken = _time(newest.taken_at)
    if taken is not None and datetime.now(UTC) - taken <= BACKUP_AGE:
        return []
    return [finding("BackupTooOld", "", f"the newest backup, {newest.id}, is of {newest.taken_at}")]


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
