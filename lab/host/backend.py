"""durabletask's in-memory backend, changed to respond like the Durable extension on Azure Storage.

Each difference that it corrects has a test in lab/tests/engines, which runs on both engines.
"""

import threading
from datetime import UTC, datetime
from typing import Any, override

from durabletask.internal import helpers
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.testing.in_memory_backend import OrchestrationInstance

from lab.host.client_requests import ClientRequests
from lab.host.turns import FAILED, failed_turn

STATUS_BYTES = 16 * 1024


class Backend(ClientRequests):
    """Adds to the client requests the handling of the results of orchestrators and activities."""

    @override
    def CompleteOrchestratorTask(self, request: pb.OrchestratorResponse, context: Any) -> Any:
        """Fails the run at once if its custom status is too large."""
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
        """Records an activity's result. Only the first line of a failure's message is kept. The
        result of an earlier execution of the instance is ignored."""
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
        """Sets a failure's type and message as the instance's output."""
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
        """Starts a timer. The wait is rounded down to whole seconds, so a timer of one second fires
        at once. A timer of a history that was continued as new does not fire in the next one."""
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
    """Returns whether the timer belongs to the instance's present history."""
    if instance is None or instance.completed_at is not None:
        return False
    return any(
        event.eventId == action.id
        and event.HasField("timerCreated")
        and event.timerCreated.fireAt == action.createTimer.fireAt
        for event in instance.history
    )
