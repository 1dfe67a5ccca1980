"""Shows the state of each node of a cluster: what its runs reported, or else what the phase of the
latest run says."""

from collections.abc import Sequence
from typing import cast

from clients.store import Store
from cluster.api import NodeProgress, NodeState
from cluster.contracts import FinishInput, PhaseRecord, RunRef
from cluster.progress import PHASES
from cluster.record import ClusterRecord
from runs.node_states import reported_states, states_before

PLAY_PHASES = ("fetch", "control-planes", "workers", "playbook", "replace", "verify")
# The kinds of operations that make and delete no machine.
STANDING = ("backup", "restore", "maintain", "rotate")


def node_progress(
    store: Store,
    record: ClusterRecord,
    phase: str,
    phases: Sequence[PhaseRecord],
    result: FinishInput | None,
    *,
    lost: bool,
) -> tuple[NodeProgress, ...]:
    """Returns every node of the record with its state.

    Args:
        phase: the current phase of the latest run, or the last one that began.
        result: how the run ended, or None.
        lost: whether the run ended without a result.
    """
    kind = record.operation.kind if record.operation else ""
    ended = lost or result is not None
    # These wait for no node's report, and know what was known before them.
    awaited = kind not in STANDING and _awaited(phase, phases, ended=ended)
    states: dict[str, str] = {}
    if kind in ("reconcile", "replace", "upgrade", *STANDING):
        ref = RunRef(cluster=record.name, generation=record.generation)
        failed = result is not None and result.result != "succeeded"
        with_play = failed or lost or (result is None and phase in PLAY_PHASES)
        states = reported_states(store, ref, with_play=with_play)
        if not awaited:
            states = states_before(store, record, ref, "silent" if ended else "waiting") | states
    unheard = _unheard(kind, phase, awaited=awaited, ended=ended)
    return tuple(
        NodeProgress(
            name=slot.name,
            role=slot.role,
            pool=slot.pool,
            address=slot.address,
            state="removing" if slot.leaving else cast(NodeState, states.get(slot.name, unheard)),
            kubernetes_version=record.kubelets.get(slot.name),
        )
        for slot in record.slots
    )


def _awaited(phase: str, phases: Sequence[PhaseRecord], *, ended: bool) -> bool:
    """Returns whether the run has come to the phase in which it waits for the nodes' reports.

    While it goes on, the phase says so, also if the phases' times are not known. A phase of a newer
    version is after it.
    """
    if any(found.name == "nodes" and found.started_at for found in phases):
        return True
    if ended or not phase:
        return False
    return PHASES.get(phase, (100, 100))[0] >= PHASES["nodes"][0]


def _unheard(kind: str, phase: str, *, awaited: bool, ended: bool) -> NodeState:
    """Returns the state of a node of which nothing is known, which depends on the run's phase."""
    if kind == "delete":
        return "removing"
    if ended:
        return "silent" if awaited else "planned"
    if awaited:
        return "waiting"
    return "deploying" if phase in ("machines", "replace") else "planned"
