"""Activities of a restore on the members of etcd: prepare_restore, replace_data, start_members and
undo_restore.

The program `cluster/on_node/restore.py` does it on each member, which gets an address for the one
snapshot on standard input. Each may be repeated: a member finds what it has done.
"""

from datetime import datetime

from activities.control_api_servers import look_at_all, start_all
from activities.controller_ssh import controller
from activities.node_programs import (
    ETCD_PLACES,
    TEXT_CHARACTERS,
    Answer,
    Request,
    etcd_members,
    require_all,
    run_on_all,
)
from activities.registration import activity
from clients.errors import Refused, Transient
from clients.services import services
from cluster import names
from cluster.backups import Backup
from cluster.contracts import (
    PREPARE_RESTORE,
    REPLACE_DATA,
    START_MEMBERS,
    UNDO_RESTORE,
    MembersResult,
    ReplaceResult,
    RestoreInput,
    RunRef,
    UndoResult,
)
from cluster.on_node.restore import DAMAGED, NO_TOOL, UNFIT
from cluster.outcomes import Outcome, cut
from cluster.plan import Plan
from cluster.record import PlannedNode
from planning.play_scope import forget_kubernetes

# Seconds. How long the address is valid; storage looks at it when a download begins.
ADDRESS_SECONDS = 900.0
PREPARE_SECONDS, REPLACE_SECONDS, ASK_SECONDS = 220.0, 150.0, 45.0
# The least that is added to etcd's revision.
LEAST_BUMP = 1_000_000_000
PLACES = ETCD_PLACES | {
    "directory": "/var/lib/etcd/slipway-restore",
    "data": "/var/lib/etcd/member-data",
    "systemctl": "systemctl",
}


@activity(PREPARE_RESTORE)
def prepare_restore(ref: RestoreInput) -> Outcome:
    """Lets every member fetch and check the snapshot, and make a data directory of it beside its
    own. Nothing is stopped. The control planes are asked first: one that does not answer could not
    be stopped later.

    Raises:
        Transient: a control plane does not answer, or a member is not done.
        Refused: BackupMissing, RestoreToolMissing, BackupDamaged, BackupUnfit.
    """
    plan, store = services().store.need_plan(ref), services().store
    backup = store.backup(plan.cluster, plan.uid, ref.backup)
    if backup is None:
        text = f"backup {ref.backup} is gone"
        raise Refused("BackupMissing", text, place=ref.backup)
    blob = names.snapshot_blob(plan.cluster, plan.uid, ref.backup)
    proxy, members = plan.spec.proxy, etcd_members(plan)
    request = {
        **_request("prepare", ref),
        "id": ref.backup,
        "url": store.blobs.download_url(blob, ADDRESS_SECONDS),
        "proxy": (proxy.for_https or "") if proxy else "",
        "noProxy": ",".join(proxy.no_proxy) if proxy else "",
        "bytes": backup.bytes,
        "sha256": backup.sha256,
        "version": backup.etcd,
        "members": ",".join(f"{slot.name}={_peer(slot)}" for slot in members),
        "token": f"{plan.cluster}-{plan.uid}-{ref.generation}",
        "bump": _bump(ref, backup),
        "owner": "etcd",
    }

    def of(slot: PlannedNode) -> Request:
        return request | {"name": slot.name, "peer": _peer(slot)}

    with controller(plan) as connection:
        look_at_all(connection)
        answers = run_on_all(connection, members, "restore", of, PREPARE_SECONDS)
    for answer in answers:
        _refuse(answer)
    require_all(answers)
    return Outcome()


def _bump(ref: RestoreInput, backup: Backup) -> int:
    """Returns what is added to the snapshot's revision. It is the same in each execution, because
    all members must have the same data.

    The new revision must be higher than any that somebody saw since, also after other restores of
    this or of later backups. The milliseconds at the claim are: etcd writes fewer than a thousand
    revisions a second in the long run.
    """
    record, _ = services().store.need_record(ref.cluster)
    operation = record.operation
    if operation is None or operation.generation != ref.generation:
        raise Refused("Superseded", f"run {ref.generation} is not the newest one")
    claimed = datetime.fromisoformat(operation.started_at).timestamp()
    return max(LEAST_BUMP, int(claimed * 1000) - backup.revision)


def _refuse(answer: Answer) -> None:
    """Raises Refused if another try would end in the same way."""
    text, place = cut(answer.fault, TEXT_CHARACTERS), answer.slot.name
    if answer.code == NO_TOOL:
        raise Refused("RestoreToolMissing", text, place=place)
    if answer.code == DAMAGED:
        raise Refused("BackupDamaged", text, place=place)
    if answer.code == UNFIT:
        raise Refused("BackupUnfit", text, place=place)


@activity(REPLACE_DATA)
def replace_data(ref: RunRef) -> ReplaceResult:
    """Lets every member stop etcd and put the new data directory into place.

    What stages of the play put into Kubernetes since the backup is undone, so the next operation
    that applies the spec runs them again.

    Raises:
        Transient: a member is not done.
    """
    plan = services().store.need_plan(ref)
    forget_kubernetes(plan)
    answers = _ask(plan, _request("replace", ref), REPLACE_SECONDS)
    require_all(answers)
    folder = PLACES["data"].rpartition("/")[0]
    places = {answer.slot.name: str(answer.found["aside"]) for answer in answers}
    return ReplaceResult(
        aside={name: f"{folder}/{place}" if place else "" for name, place in places.items()}
    )


@activity(START_MEMBERS)
def start_members(ref: RunRef) -> MembersResult:
    """Lets every member start etcd, and asks each for its health.

    Raises:
        Transient: a member is not healthy yet, or is one of another cluster than the others.
    """
    answers = _ask(services().store.need_plan(ref), _request("start", ref), ASK_SECONDS)
    require_all(answers)
    clusters = {answer.found["cluster"] for answer in answers}
    if len(clusters) != 1:
        raise Transient(f"the members are of {len(clusters)} different clusters of etcd")
    return MembersResult(revision=max(answer.found["revision"] for answer in answers))


@activity(UNDO_RESTORE)
def undo_restore(ref: RunRef) -> UndoResult:
    """Starts etcd and the API servers with the old data, unless a member has the new ones.

    Raises:
        Transient: a machine could not be asked.
    """
    plan = services().store.need_plan(ref)
    seen = _ask(plan, _request("look", ref), ASK_SECONDS)
    require_all(seen)
    if any(answer.found["restored"] for answer in seen):
        return UndoResult(restored=True)
    require_all(_ask(plan, _request("undo", ref), ASK_SECONDS))
    start_all(plan)
    return UndoResult()


def _request(action: str, ref: RunRef) -> Request:
    return PLACES | {"action": action, "restore": ref.generation}


def _ask(plan: Plan, request: Request, seconds: float) -> list[Answer]:
    def of(slot: PlannedNode) -> Request:
        return request | {"endpoint": f"https://{slot.address}:2379"}

    with controller(plan) as connection:
        return run_on_all(connection, etcd_members(plan), "restore", of, seconds)


def _peer(slot: PlannedNode) -> str:
    return f"https://{slot.address}:2380"
