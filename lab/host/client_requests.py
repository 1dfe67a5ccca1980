"""The in-memory backend's responses to client requests, changed to those of the Durable
extension."""

from typing import Any, NoReturn, override

import grpc
from durabletask.internal import helpers
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.testing.in_memory_backend import (
    InMemoryOrchestrationBackend,
    OrchestrationInstance,
)


class ClientRequests(InMemoryOrchestrationBackend):
    """The backend's client requests. `default_version` is host.json's: a start without a version
    gets it."""

    def __init__(self, default_version: str = "") -> None:
        super().__init__()
        self._default_version = default_version
        # The completion token at the start of each instance's present execution.
        self._executions: dict[str, int] = {}

    @override
    def StartInstance(self, request: pb.CreateInstanceRequest, context: Any) -> Any:
        """Starts an instance. The id of an ended instance can be reused, unless a reuse policy is
        given that does not list the instance's state. An empty policy lists no state."""
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
        """Returns the instances, always with their outputs and without failure details."""
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
        """Returns the response without failure details. It has a custom status only if payloads are
        included; an empty one is `null`."""
        response = super()._build_instance_response(instance, include_payloads)
        state = response.orchestrationState
        state.ClearField("failureDetails")
        state.ClearField("customStatus")
        if include_payloads:
            state.customStatus.value = instance.custom_status or "null"
        return response


def _refuse(what: str, instance: OrchestrationInstance, context: Any) -> NoReturn:
    text = (
        f"InvalidOperationException: Cannot {what} the orchestration instance "
        f"{instance.instance_id} because instance is in the {_status(instance)} state."
    )
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, text)
    raise AssertionError("abort raises")


def _status(instance: OrchestrationInstance) -> str:
    return (helpers.get_orchestration_status_str(instance.status) or "").capitalize()
