"""durabletask's in-memory backend with the answers of the Durable extension on Azure Storage.

Each difference that this makes up for is a test in tests/answers, which runs on both.
"""

import json
import threading
from datetime import UTC, datetime
from typing import Any, NoReturn, override

import grpc
from durabletask.internal import helpers
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.testing.in_memory_backend import (
    InMemoryOrchestrationBackend,
    OrchestrationInstance,
)
from google.protobuf import wrappers_pb2

STATUS_BYTES = 16 * 1024
FAILED = pb.ORCHESTRATION_STATUS_FAILED


class Backend(InMemoryOrchestrationBackend):
    """`default_version` is host.json's: a start that names no version gets it."""

    def __init__(self, default_version: str = "") -> None:
        super().__init__()
        self._default_version = default_version
        # The completion token with which an instance's present execution began.
        self._executions: dict[str, int] = {}

    # -- requests ------------------------------------------------------------------------------

    @override
    def StartInstance(self, request: pb.CreateInstanceRequest, context: Any) -> Any:
        """An id whose instance ended runs again, unless a policy names the states that may be
        replaced and not this one: an empty policy names none."""
        with self._lock:
            existing = self._instances.get(request.instanceId)
            if existing and self._replaced(request, existing.status):
                del self._instances[request.instanceId]
                self._orchestration_queue_set.discard(request.instanceId)
            elif existing:
                text = f"An Orchestration instance with the ID {request.instanceId} already exists."
                context.abort(grpc.StatusCode.ALREADY_EXISTS, text)
            if self._default_version and not request.HasField("version"):
                request.version.value = self._default_version
            self._executions[request.instanceId] = self._next_completion_token
            return super().StartInstance(request, context)

    def _replaced(self, request: pb.CreateInstanceRequest, status: Any) -> bool:
        if not self._is_terminal_status(status):
            return False
        named = request.HasField("orchestrationIdReusePolicy")
        return not named or status in request.orchestrationIdReusePolicy.replaceableStatus

    @override
    def RaiseEvent(self, request: pb.RaiseEventRequest, context: Any) -> Any:
        with self._lock:
            instance = self._known(request.instanceId, context)
            if self._is_terminal_status(instance.status):
                text = "The orchestration instance with the provided instance id is not running."
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, text)
            return super().RaiseEvent(request, context)

    @override
    def SuspendInstance(self, request: pb.SuspendRequest, context: Any) -> Any:
        with self._lock:
            instance = self._known(request.instanceId, context)
            suspended = instance.status == pb.ORCHESTRATION_STATUS_SUSPENDED
            if suspended or self._is_terminal_status(instance.status):
                _refuse("suspend", instance, context)
            return super().SuspendInstance(request, context)

    @override
    def ResumeInstance(self, request: pb.ResumeRequest, context: Any) -> Any:
        with self._lock:
            instance = self._known(request.instanceId, context)
            if instance.status != pb.ORCHESTRATION_STATUS_SUSPENDED:
                _refuse("resume", instance, context)
            return super().ResumeInstance(request, context)

    @override
    def TerminateInstance(self, request: pb.TerminateRequest, context: Any) -> Any:
        with self._lock:
            instance = self._known(request.instanceId, context)
            if self._is_terminal_status(instance.status):
                _refuse("terminate", instance, context)
            return super().TerminateInstance(request, context)

    @override
    def PurgeInstances(self, request: pb.PurgeInstancesRequest, context: Any) -> Any:
        with self._lock:
            instance = self._instances.get(request.instanceId)
            if instance and not self._is_terminal_status(instance.status):
                text = (
                    "Only orchestrations in a terminal state can be purged, but the orchestration "
                    f"with instance ID {instance.instance_id} has status {_status(instance)}"
                )
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, text)
            return super().PurgeInstances(request, context)

    @override
    def QueryInstances(self, request: pb.QueryInstancesRequest, context: Any) -> Any:
        """Outputs come along, asked for or not."""
        with self._lock:
            answer = super().QueryInstances(request, context)
            for state in answer.orchestrationState:
                instance = self._instances[state.instanceId]
                if instance.output is not None:
                    state.output.value = instance.output
                state.ClearField("failureDetails")
            return answer

    def _known(self, instance_id: str, context: Any) -> OrchestrationInstance:
        instance = self._instances.get(instance_id)
        if instance is None:
            text = f"No instance with ID '{instance_id}' was found. (Parameter 'instanceId')"
            context.abort(grpc.StatusCode.NOT_FOUND, text)
            raise AssertionError("abort raises")
        return instance

    @override
    def _build_instance_response(
        self, instance: OrchestrationInstance, include_payloads: bool
    ) -> pb.GetInstanceResponse:
        """No failure details; a custom status only with the payloads, and `null` for none."""
        response = super()._build_instance_response(instance, include_payloads)
        state = response.orchestrationState
        state.ClearField("failureDetails")
        state.ClearField("customStatus")
        if include_payloads:
            state.customStatus.value = instance.custom_status or "null"
        return response

    # -- what orchestrators and activities answer ------------------------------------------------

    @override
    def CompleteOrchestratorTask(self, request: pb.OrchestratorResponse, context: Any) -> Any:
        """A custom status that is too large fails the run at once."""
        size = len(request.customStatus.value.encode("utf-16-le"))
        if size > STATUS_BYTES:
            limit = f"limit = 16 KB (UTF-16), actual = {size / 1024:.2f} KB"
            name = self._instances[request.instanceId].name
            message = f"Function '{name}' failed with an unhandled exception."
            details = f"System.ArgumentException: CustomStatus is too large: {limit}."
            token = request.completionToken
            request = failed_turn(request.instanceId, message, details)
            request.completionToken = token
        return super().CompleteOrchestratorTask(request, context)

    @override
    def CompleteActivityTask(self, request: pb.ActivityResponse, context: Any) -> Any:
        """Of a failure's message the first line arrives. The result of an earlier execution of the
        instance does not."""
        with self._lock:
            instance = self._instances.get(request.instanceId)
            began = self._executions.get(request.instanceId, 0)
            if instance is None or int(request.completionToken) < began:
                return pb.CompleteTaskResponse()
            if request.HasField("failureDetails"):
                details = request.failureDetails
                details.errorMessage = details.errorMessage.partition("\n")[0]
                failed = pb.TaskFailedEvent(taskScheduledId=request.taskId, failureDetails=details)
                event = pb.HistoryEvent(eventId=-1, taskFailed=failed)
            else:
                done = pb.TaskCompletedEvent(taskScheduledId=request.taskId, result=request.result)
                event = pb.HistoryEvent(eventId=-1, taskCompleted=done)
            instance.pending_events.append(event)
            instance.last_updated_at = datetime.now(UTC)
            self._enqueue_orchestration(request.instanceId)
        return pb.CompleteTaskResponse()

    @override
    def _process_complete_orchestration_action(
        self, instance: OrchestrationInstance, complete_action: pb.CompleteOrchestrationAction
    ) -> None:
        """A failure is the output, as text."""
        super()._process_complete_orchestration_action(instance, complete_action)
        if complete_action.orchestrationStatus == pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW:
            self._executions[instance.instance_id] = self._next_completion_token
        elif instance.status == FAILED and complete_action.HasField("failureDetails"):
            details = complete_action.failureDetails
            instance.output = f"{details.errorType}: {details.errorMessage}"

    @override
    def _process_create_timer_action(
        self, instance: OrchestrationInstance, action: pb.OrchestratorAction
    ) -> None:
        """Waits whole seconds, so that a timer of one second fires at once. One of a history that
        was continued as new does not fire into the next one."""
        fire_at = action.createTimer.fireAt.ToDatetime(tzinfo=UTC)
        instance.history.append(helpers.new_timer_created_event(action.id, fire_at))
        instance.status = pb.ORCHESTRATION_STATUS_RUNNING

        def fire() -> None:
            with self._lock:
                present = self._instances.get(instance.instance_id)
                if present is instance and waits_for(instance, action):
                    fired = helpers.new_timer_fired_event(action.id, fire_at)
                    instance.pending_events.append(fired)
                    instance.last_updated_at = datetime.now(UTC)
                    self._enqueue_orchestration(instance.instance_id)

        left = (fire_at - datetime.now(UTC)).total_seconds()
        timer = threading.Timer(max(0, int(left)), fire)
        timer.daemon = True
        timer.start()


def waits_for(instance: OrchestrationInstance | None, action: pb.OrchestratorAction) -> bool:
    """Whether the timer belongs to the instance's present history."""
    if instance is None or instance.completed_at is not None:
        return False
    return any(
        event.eventId == action.id
        and event.HasField("timerCreated")
        and event.timerCreated.fireAt == action.createTimer.fireAt
        for event in instance.history
    )


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


def _refuse(what: str, instance: OrchestrationInstance, context: Any) -> NoReturn:
    text = (
        f"InvalidOperationException: Cannot {what} the orchestration instance "
        f"{instance.instance_id} because instance is in the {_status(instance)} state."
    )
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, text)
    raise AssertionError("abort raises")


def _status(instance: OrchestrationInstance) -> str:
    return (helpers.get_orchestration_status_str(instance.status) or "").capitalize()
