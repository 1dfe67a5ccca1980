"""What an upgrade does before the first node: checks, a backup, and the new files on every node."""

from datetime import timedelta

from cluster.contracts import (
    ASSESS_UPGRADE,
    PRUNE_BACKUPS,
    START_CONTROLLER,
    START_UPGRADE,
    TAKE_BACKUP,
    PlayStart,
    UpgradePlay,
)
from orchestrators.run import Run, Steps
from orchestrators.state import UpgradeState
from orchestrators.steps.run_playbook import follow_play
from orchestrators.steps.upgrade_nodes import start_new_play

# Members may elect a leader, or be restarted, meanwhile. The transfer takes a minute at most.
BACKUP_PATIENCE = timedelta(minutes=10)
# An API server that does not answer for so long is not healthy.
HEALTH_PATIENCE = timedelta(minutes=5)


def assess_upgrade(run: Run) -> Steps[None]:
    """Raises RunFailedError if the cluster may not be upgraded. No machine was changed then."""
    yield from run.perform(START_CONTROLLER, run.ref)
    found = yield from run.perform(ASSESS_UPGRADE, run.ref, HEALTH_PATIENCE)
    run.update(upgrade=UpgradeState(kubernetes=found.kubernetes))
    if not found.kubernetes:
        run.record("note", "no control plane has Kubernetes, so there is nothing to upgrade")
        return
    text = f"{found.nodes} nodes, the API server has {found.version}"
    run.record("note", f"{text}; an upgrade has begun before" if found.resumed else text)


def take_snapshot(run: Run) -> Steps[None]:
    """Takes a backup, and removes those beyond the spec's number."""
    taken = yield from run.perform(TAKE_BACKUP, run.ref, BACKUP_PATIENCE)
    text = f"backup {taken.id} taken from {taken.member}: {taken.bytes} bytes, "
    text += f"revision {taken.revision}, {taken.keys} keys"
    run.record("backup.taken", text, subject=taken.id, node=taken.member)
    pruned = yield from run.perform(PRUNE_BACKUPS, run.ref)
    if pruned.count:
        text = f"older backups removed: {pruned.count}"
        run.record("backups.removed", text, count=pruned.count)


def fetch_files(run: Run) -> Steps[None]:
    """Brings etcd to the manifest's version, and the new programs and images to every node."""
    if run.state.upgrade is not None and not run.state.upgrade.kubernetes:
        return
    yield from follow_play(run, _start)
    start_new_play(run)


def _start(run: Run) -> Steps[PlayStart]:
    asked = UpgradePlay(**run.ref.model_dump(), attempt=run.state.play.attempt)
    return (yield from run.perform(START_UPGRADE, asked))
