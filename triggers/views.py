"""What the API shows of a cluster: record, run status and node states, put together."""

from typing import Any

from clients.store import Store
from cluster import names
from cluster.contracts import FinishInput, RunRef
from cluster.record import ClusterRecord
from cluster.spec import STAGES
from cluster.timeline import Bar, Timeline
from runs.lifecycle import ShowingEngine, Sight, look
from triggers.problems import operation_path

LOST = "the engine ended or lost this run without a result; send the same spec again to resume"
# Where each phase of a launch ends, in percent of its usual duration.
PROGRESS = {
    "plan": (0, 2),
    "preflight": (2, 6),
    "keys": (6, 10),
    "network": (10, 20),
    "machines": (20, 40),
    "nodes": (40, 55),
    "playbook": (55, 92),
    "verify": (92, 96),
    "controller": (96, 100),
    "previous": (0, 20),
    "resources": (20, 90),
    "secrets": (90, 100),
}


def summary(record: ClusterRecord) -> dict[str, Any]:
    """One line of the list."""
    return {
        "name": record.name,
        "state": record.state,
        "generation": record.generation,
        "group": record.group,
        "updatedAt": record.updated_at,
        "cause": record.cause.code if record.cause else None,
    }


def detail(record: ClusterRecord, store: Store, engine: ShowingEngine) -> dict[str, Any]:
    """Everything that a progress display needs."""
    operation = record.operation
    ref = RunRef(cluster=record.name, generation=record.generation)
    result = store.result(ref)
    over = result is not None or not record.busy
    sight = look(engine, store, record, ref, ended=over) if operation else Sight()
    status, lost = sight.shown, sight.lost
    phases: list[dict[str, Any]] = (
        [phase.model_dump() for phase in result.phases] if result else status.get("phases", [])
    )
    phase = status.get("phase") or _last_begun(phases)
    ended = lost or result is not None
    unheard = _unheard(operation.kind if operation else "", phase, phases, ended=ended)
    ready = store.node_states(ref) if operation and operation.kind == "reconcile" else {}
    base = f"/api/clusters/{record.name}"
    return {
        "name": record.name,
        "state": "failed" if lost else record.state,
        "generation": record.generation,
        "kind": operation.kind if operation else None,
        "phase": phase,
        "percent": _percent(
            result is not None and result.result == "succeeded", status | {"phase": phase}
        ),
        "phases": [
            {
                "name": p["name"],
                "state": p["state"],
                "startedAt": p["started_at"],
                "seconds": p["seconds"],
            }
            for p in phases
        ],
        "nodes": [
            {
                "name": slot.name,
                "role": slot.role,
                "pool": slot.pool,
                "address": slot.address,
                "state": ready.get(slot.name, unheard),
            }
            for slot in record.slots
        ],
        "play": status.get("play"),
        "checks": checks(result, store),
        "cause": _cause(record),
        "note": _note(result, sight),
        "startedAt": operation.started_at if operation else None,
        "caller": operation.caller if operation else None,
        "operation": operation_path(operation.instance_id) if operation else None,
        "links": {"self": base, "events": f"{base}/events", "cancel": f"{base}/cancel"},
        "spec": record.spec,
        "group": record.group,
    }


def _note(result: FinishInput | None, sight: Sight) -> str | None:
    """What a reader must know beside the figures."""
    if sight.lost:
        return LOST
    if sight.away and result is None:
        return f"{sight.away}: what is shown is from the record"
    return (result.note if result else "") or None


def _last_begun(phases: list[dict[str, Any]]) -> str:
    """Of an ended run that the engine does not know any more."""
    begun = [phase["name"] for phase in phases if phase["started_at"]]
    return begun[-1] if begun else ""


def checks(result: FinishInput | None, store: Store) -> list[dict[str, Any]]:
    """All that an ended run asked; its result holds the first of them only."""
    if result is None:
        return []
    return [check.model_dump() for check in store.checks(result) or result.checks]


def timeline(found: Timeline) -> dict[str, Any]:
    """Bars of deployments and play stages, and the nodes as they were heard."""
    return {
        "name": found.cluster,
        "generation": found.generation,
        "startedAt": found.started_at,
        "endedAt": found.ended_at,
        "deployments": [_bar(bar) for bar in found.deployments],
        "stages": [_bar(bar) for bar in found.stages],
        "reports": [report.model_dump() for report in found.reports],
    }


def _bar(bar: Bar) -> dict[str, Any]:
    return {
        "name": bar.name,
        "state": bar.state,
        "startedAt": bar.started_at,
        "endedAt": bar.ended_at,
    }


def access(record: ClusterRecord, vault_url: str) -> dict[str, Any] | None:
    """How the API is reached; None before a run brought it up. Names of secrets, no secret."""
    if record.access is None:
        return None
    return {
        "vault": vault_url,
        "kubeconfigSecret": record.access.kubeconfig,
        "apiName": names.api_name(record.name),
        "publicAddress": record.access.public_address or None,
    }


def _cause(record: ClusterRecord) -> dict[str, Any] | None:
    return cause_document(record.cause.model_dump()) if record.cause else None


def cause_document(cause: dict[str, Any]) -> dict[str, Any]:
    return {
        "code": cause["code"],
        "phase": cause["phase"],
        "place": cause["place"],
        "message": cause["message"],
        "nextStep": cause["next_step"],
        "logTail": cause["log_tail"],
    }


def _unheard(kind: str, phase: str, phases: list[dict[str, Any]], *, ended: bool) -> str:
    """A node that has not reported: what the run is doing about it, or did."""
    if kind == "delete":
        return "removing"
    if ended:
        waited = any(p["name"] == "nodes" and p["started_at"] for p in phases)
        return "silent" if waited else "planned"
    if phase in ("", "plan", "preflight", "keys", "network"):
        return "planned"
    return "deploying" if phase == "machines" else "waiting"


def _percent(succeeded: bool, status: dict[str, Any]) -> int:
    if succeeded:
        return 100
    low, high = PROGRESS.get(status.get("phase", ""), (0, 0))
    share = 0.0
    nodes = status.get("nodes") or {}
    stage = (status.get("play") or {}).get("stage", "")
    if status.get("phase") == "nodes" and nodes.get("total"):
        share = nodes.get("ready", 0) / (nodes["total"] + 1)
    elif stage in STAGES:
        share = STAGES.index(stage) / len(STAGES)
    return int(low + (high - low) * share)
