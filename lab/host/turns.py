"""The Durable extension's results for orchestrator turns that it cannot accept."""

import json

from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf import wrappers_pb2

FAILED = pb.ORCHESTRATION_STATUS_FAILED


def failed_turn(
    instance_id: str, message: str, details: str | None = None
) -> pb.OrchestratorResponse:
    """Returns the extension's result for a turn that it could not run, or whose response it
    rejects."""
    done = pb.CompleteOrchestrationAction(
        orchestrationStatus=FAILED,
        result=wrappers_pb2.StringValue(value=json.dumps({"message": message, "details": details})),
    )
    action = pb.OrchestratorAction(id=-1, completeOrchestration=done)
    return pb.OrchestratorResponse(instanceId=instance_id, actions=[action])


def mismatched_turn(instance_id: str) -> pb.OrchestratorResponse:
    """Returns the result that fails a run whose version this host rejects, if it is configured to
    fail such runs."""
    details = pb.TaskFailureDetails(
        errorType="VersionMismatch",
        errorMessage="Orchestration version did not comply with Worker Versioning",
    )
    done = pb.CompleteOrchestrationAction(orchestrationStatus=FAILED, failureDetails=details)
    action = pb.OrchestratorAction(id=-1, completeOrchestration=done)
    return pb.OrchestratorResponse(instanceId=instance_id, actions=[action])
