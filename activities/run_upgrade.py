"""Activities begin_upgrade, start_upgrade and end_upgrade: the plays of an upgrade, and its mark in
the record."""

from typing import Any

from activities.controller_ssh import controller
from activities.registration import activity
from activities.start_play import launch, play_inventory
from clients.services import services
from cluster import names
from cluster.concern import PlayScope
from cluster.contracts import (
    BEGIN_UPGRADE,
    END_UPGRADE,
    START_UPGRADE,
    PlayStart,
    RunRef,
    UpgradePlay,
)
from cluster.outcomes import Outcome
from cluster.plan import Plan
from cluster.roles import ETCD
from cluster.stages import UPGRADE, UPGRADE_FETCH
from planning.play_scope import begin_play, forget_kubernetes, play_scope

# There is no fingerprint of a node's upgrade: its version is read from the node.
NONE = ""


@activity(BEGIN_UPGRADE)
def begin_upgrade(ref: RunRef) -> Outcome:
    """Records in the cluster's record that nodes may have the new version from now on, and that the
    play after the upgrade concerns every node."""
    plan, store = services().store.need_plan(ref), services().store
    forget_kubernetes(plan)
    record, etag = store.need_record(ref.cluster)
    wanted = plan.spec.kubernetes.version
    if record.upgrading != wanted:
        store.update_record(record.model_copy(update={"upgrading": wanted}), etag)
    return Outcome()


@activity(START_UPGRADE)
def start_upgrade(ref: UpgradePlay) -> PlayStart:
    """Starts a play of the upgrade. A repeat finds it by its run id, running or finished."""
    plan = services().store.need_plan(ref)
    inventory = _inventory(plan, names.play_run_id(ref.cluster, ref.generation, ref.attempt))
    store = services().store
    scope = store.play_scope(ref) or store.keep_play_scope(ref, _scope(ref, plan))
    with controller(plan) as connection:
        begin_play(plan, scope)
        launch(connection, ref, inventory, scope)
    return PlayStart(
        machines=len(scope.machines),
        whole=False,
        stages=tuple(s for s in inventory["all"]["vars"]["slipway_stages"] if s in scope.running),
    )


@activity(END_UPGRADE)
def end_upgrade(ref: RunRef) -> Outcome:
    """Records that every node has the new version."""
    plan, store = services().store.need_plan(ref), services().store
    record, etag = store.need_record(ref.cluster)
    built = dict(record.built or plan.spec.document())
    built["kubernetes"] = built["kubernetes"] | {"version": plan.spec.kubernetes.version}
    ended = record.model_copy(update={"built": built, "upgrading": ""})
    if ended != record:
        store.update_record(ended, etag)
    return Outcome()


def _inventory(plan: Plan, run_id: str) -> dict[str, Any]:
    """Returns the inventory with the stages of an upgrade."""
    inventory = play_inventory(plan, run_id)
    top = inventory["all"]
    stages = [*plan.spec.stages, UPGRADE_FETCH, UPGRADE]
    return inventory | {"all": top | {"vars": top["vars"] | {"slipway_stages": stages}}}


def _scope(ref: UpgradePlay, plan: Plan) -> PlayScope:
    if ref.node:
        return PlayScope(stages={UPGRADE: {NONE: (ref.node,)}})
    nodes = tuple(slot.name for slot in plan.nodes if slot.role != ETCD)
    own = play_inventory(plan, names.play_run_id(ref.cluster, ref.generation, ref.attempt))
    members = play_scope(plan, own, whole=False).stages.get("etcd", {})
    fetched = {UPGRADE_FETCH: {NONE: tuple(n for n in nodes if n not in plan.missing)}}
    return PlayScope(stages=({"etcd": members} if members else {}) | fetched)
