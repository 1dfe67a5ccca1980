"""Replays a recorded history on the app's own orchestrator, execution by execution, and says where
it first asks for something else than was recorded.

Compared is what the engine holds against the history: the number, the kind and the name of each
task. What an activity is given may change; a run in flight survives that.
"""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure.durable_functions.worker import DurableFunctionsWorker
from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf import json_format

from orchestrators.backup_cluster import backup_cluster
from orchestrators.delete_cluster import delete_cluster
from orchestrators.maintain_cluster import maintain_cluster
from orchestrators.reconcile_cluster import reconcile_cluster
from orchestrators.replace_nodes import replace_nodes
from orchestrators.restore_cluster import restore_cluster
from orchestrators.rotate_credential import rotate_credential
from orchestrators.upgrade_cluster import upgrade_cluster

ORCHESTRATORS: dict[str, Callable[..., Any]] = {
    "reconcile_cluster": reconcile_cluster,
    "delete_cluster": delete_cluster,
    "backup_cluster": backup_cluster,
    "replace_nodes": replace_nodes,
    "restore_cluster": restore_cluster,
    "upgrade_cluster": upgrade_cluster,
    "maintain_cluster": maintain_cluster,
    "rotate_credential": rotate_credential,
}
NOTHING = "nothing"


@dataclass(frozen=True)
class Execution:
    """One execution of the orchestrator: what came, and the recorded answers with their indices."""

    past: list[pb.HistoryEvent]
    new: list[pb.HistoryEvent]
    recorded: list[tuple[int, str]]


def load(path: Path) -> Iterator[tuple[str, list[pb.HistoryEvent]]]:
    """Each history of the file, with a name for people."""
    for instance, histories in json.loads(path.read_text(encoding="utf-8")).items():
        for number, events in enumerate(histories, 1):
            parsed = [json_format.ParseDict(event, pb.HistoryEvent()) for event in events]
            yield f"{path.stem}, {instance}, history {number}", parsed


def first_difference(events: list[pb.HistoryEvent]) -> str | None:
    """Index of the event, what was recorded, what the code asks for; None where all is the same."""
    worker = DurableFunctionsWorker()
    started = next(e.executionStarted for e in events if e.HasField("executionStarted"))
    for execution in executions(events):
        request = pb.OrchestratorRequest(
            instanceId=started.orchestrationInstance.instanceId,
            pastEvents=execution.past,
            newEvents=execution.new,
        )
        body = base64.b64encode(request.SerializeToString()).decode()
        answer = worker.execute_orchestration_request(ORCHESTRATORS[started.name], body)
        response = pb.OrchestratorResponse()
        response.ParseFromString(base64.b64decode(answer))
        found = _difference(execution, list(response.actions))
        if found:
            return found
    return None


def executions(events: list[pb.HistoryEvent]) -> Iterator[Execution]:
    starts = [i for i, event in enumerate(events) if event.HasField("orchestratorStarted")]
    for start, end in zip(starts, [*starts[1:], len(events)], strict=True):
        told = [(i, _told(events[i])) for i in range(start, end)]
        recorded = [(i, text) for i, text in told if text]
        first = recorded[0][0] if recorded else end
        new = [e for e in events[start:first] if not e.HasField("orchestratorCompleted")]
        yield Execution(events[:start], new, recorded)


def _difference(execution: Execution, actions: list[pb.OrchestratorAction]) -> str | None:
    asked = [text for action in actions if (text := _asked(action))]
    if execution.recorded and execution.recorded[-1][1].startswith("end"):
        asked = [text for text in asked if text.startswith("end")] or asked
    last = execution.recorded[-1][0] + 1 if execution.recorded else len(execution.past)
    for place in range(max(len(asked), len(execution.recorded))):
        index, recorded = (
            execution.recorded[place] if place < len(execution.recorded) else (last, NOTHING)
        )
        now = asked[place] if place < len(asked) else NOTHING
        if recorded != now:
            return f"event {index}: recorded is {recorded}, the code asks for {now}"
    return None


def _told(event: pb.HistoryEvent) -> str:
    """What the orchestrator asked for, as the history has it; empty for all else."""
    match event.WhichOneof("eventType"):
        case "taskScheduled":
            return f"activity {event.taskScheduled.name} as task {event.eventId}"
        case "timerCreated":
            return f"a timer as task {event.eventId}"
        case "executionCompleted":
            return _end(event.executionCompleted.orchestrationStatus)
        case "continueAsNew":
            return _end(pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW)
        case _:
            return ""


def _asked(action: pb.OrchestratorAction) -> str:
    match action.WhichOneof("orchestratorActionType"):
        case "scheduleTask":
            return f"activity {action.scheduleTask.name} as task {action.id}"
        case "createTimer":
            return f"a timer as task {action.id}"
        case "completeOrchestration":
            done = action.completeOrchestration
            why = f" ({done.failureDetails.errorType})" if done.HasField("failureDetails") else ""
            known = "RunFailedError" in why  # how a failed run is meant to end
            return _end(done.orchestrationStatus) + ("" if known else why)
        case other:
            return f"{other} as task {action.id}"


def _end(status: Any) -> str:
    return f"end as {pb.OrchestrationStatus.Name(status).removeprefix('ORCHESTRATION_STATUS_')}"
