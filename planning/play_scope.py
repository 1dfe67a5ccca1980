"""Which machines a play concerns: what it would do there, compared with what was done.

docs/decisions/0047-only-what-is-concerned.md says when the fingerprints are written.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from typing import Any

from clients.services import services
from cluster import names
from cluster.applied import AppliedStages, Fingerprints
from cluster.concern import PlayScope, fingerprints, scope_of, whole_scope
from cluster.plan import Plan
from cluster.roles import ETCD
from planning.stage_contents import manifest_checksum, stage_contents

# The stages whose result is in Kubernetes' objects, images or configuration.
IN_KUBERNETES = ("nodes", "control-plane", "workers", "add-ons", "verify")


def play_scope(plan: Plan, inventory: Mapping[str, Any], *, whole: bool) -> PlayScope:
    """Returns the machines on which a play of the run runs each stage.

    Args:
        whole: every stage runs on each of its machines, whatever was done there.
    """
    wanted = _wanted(plan, inventory)
    if whole:
        return whole_scope(wanted)
    return scope_of(wanted, _own(services().store.applied(plan.cluster), plan), _today())


def planned_scope(plan: Plan, inventory: Mapping[str, Any]) -> PlayScope:
    """Returns what `play_scope` will return after `begin_run`. Changes nothing."""
    wanted = _wanted(plan, inventory)
    if plan.full:
        return whole_scope(wanted)
    return scope_of(wanted, _begun(services().store.applied(plan.cluster), plan), _today())


def begin_run(plan: Plan) -> None:
    """Forgets the machines that do not exist, because the next ones of their names are empty, and
    those whose removal has begun."""
    _change(plan, lambda old: _begun(old, plan))


def begin_play(plan: Plan, scope: PlayScope) -> None:
    """Forgets what the play is about to change."""
    _change(plan, lambda old: _own(old, plan).before(scope.stages))


def forget_kubernetes(plan: Plan) -> None:
    """Forgets what depends on the version of Kubernetes or on what etcd holds, on every node."""
    nodes = tuple(slot.name for slot in plan.nodes if slot.role != ETCD)
    _change(plan, lambda old: _own(old, plan).before({s: {"": nodes} for s in IN_KUBERNETES}))


def end_stages(plan: Plan, ended: Mapping[str, Collection[str]], scope: Fingerprints) -> None:
    """Keeps the fingerprints of stages that have ended.

    Args:
        ended: by stage, the machines that had failed by its end.
        scope: the fingerprints of the play's machines by stage.
    """

    def changed(old: AppliedStages) -> AppliedStages:
        kept = _own(old, plan)
        for stage, failed in ended.items():
            kept = kept.after(stage, scope.get(stage, {}), failed, _today())
        return kept

    _change(plan, changed)


def _change(plan: Plan, change: Callable[[AppliedStages], AppliedStages]) -> None:
    """Changes the cluster's fingerprints, unless a later run has begun."""

    def changed(old: AppliedStages) -> AppliedStages:
        later = old.uid == plan.uid and old.generation > plan.generation
        return old if later else change(old)

    services().store.change_applied(plan.cluster, changed)


def _wanted(plan: Plan, inventory: Mapping[str, Any]) -> Fingerprints:
    mirror = plan.spec.artifacts
    manifest = mirror.manifest_sha256 if mirror else manifest_checksum()
    return fingerprints(inventory, stage_contents(), manifest)


def _begun(applied: AppliedStages, plan: Plan) -> AppliedStages:
    """Returns the fingerprints that still hold when a run begins."""
    if applied.uid != plan.uid or _changed_by_others(applied, plan):
        return _none(plan)
    gone = {*plan.missing, *plan.returning, *(slot.name for slot in plan.leaving)}
    return applied.without(gone).model_copy(update={"generation": plan.generation})


def _changed_by_others(applied: AppliedStages, plan: Plan) -> bool:
    """Whether a run since then has a plan and did not keep the fingerprints. It was one of a
    version that does not know them, and may have changed every machine."""
    if applied.generation + 1 >= plan.generation:
        return False
    store = services().store
    runs = (
        run for run in store.kept_runs(plan.cluster) if applied.generation < run < plan.generation
    )
    return any(store.blobs.size(names.run_blob(plan.cluster, run, "plan.json")) for run in runs)


def _own(applied: AppliedStages, plan: Plan) -> AppliedStages:
    """Returns the fingerprints that the plan's run began with. None if an older version planned
    it."""
    known = applied.uid == plan.uid and applied.generation == plan.generation
    return applied if known else _none(plan)


def _none(plan: Plan) -> AppliedStages:
    return AppliedStages(uid=plan.uid, generation=plan.generation)


def _today() -> date:
    return datetime.now(UTC).date()
