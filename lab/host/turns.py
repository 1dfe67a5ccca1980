"""What the Durable extension makes of turns that it cannot take as they are."""

import json

from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf import wrappers_pb2

FAILED = pb.ORCHESTRATION_STATUS_FAILED


def failed_turn(
    instance_id: str, message: str, details: str | None = None
) -> pb.OrchestratorResponse:
    """What the extension makes of a turn that it could not run, or whose answer it refuses."""
    done = pb.CompleteOrchestrationAction(
        orchestrationStatus=FAILED,
        result=wrappers_pb2.StringValue(value=json.dumps({"message": message, "details": details})),
    )
    action = pb.OrchestratorAction(id=-1, completeOrchestration=done)
    return pb.OrchestratorResponse(instanceId=instance_id, actions=[action])


def mismatched_turn(instance_id: str) -> pb.OrchestratorResponse:
    """Fails a run whose version this host does not take and is configured to fail."""
    details = pb.TaskFailureDetails(
        errorType="VersionMismatch",
        errorMessage="Orchestration version did not comply with Worker Versioning",
    )
    done = pb.CompleteOrchestrationAction(orchestrationStatus=FAILED, failureDetails=details)
    action = pb.OrchestratorAction(id=-1, completeOrchestration=done)
    return pb.OrchestratorResponse(instanceId=instance_id, actions=[action])
