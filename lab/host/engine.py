"""Microsoft's in-memory engine, on loopback, with redelivery of what a worker lost."""

import threading
from collections.abc import Iterator
from concurrent import futures
from datetime import UTC, datetime
from typing import Any, cast

import grpc
from durabletask.internal import helpers
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal import orchestrator_service_pb2_grpc as stubs
from durabletask.testing.in_memory_backend import (
    InMemoryOrchestrationBackend,
    OrchestrationInstance,
)

STREAMS = 24


class Engine(InMemoryOrchestrationBackend):
    """As shipped, it listens on every interface; here on loopback and a port that is free."""

    def start(self) -> str:
        """Address of the gRPC service."""
        self._shutdown_event.clear()
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=STREAMS))
        stubs.add_TaskHubSidecarServiceServicer_to_server(self, self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return f"127.0.0.1:{port}"

    def work(self) -> Iterator[pb.WorkItem]:
        """Work items as they become due, without a network between."""
        return self.GetWorkItems(pb.GetWorkItemsRequest(), cast(Any, _Always()))

    def activity_done(self, response: pb.ActivityResponse) -> None:
        self.CompleteActivityTask(response, cast(Any, _Always()))

    def orchestration_done(self, response: pb.OrchestratorResponse) -> None:
        self.CompleteOrchestratorTask(response, cast(Any, _Always()))

    def _process_create_timer_action(
        self, instance: OrchestrationInstance, action: pb.OrchestratorAction
    ) -> None:
        """As shipped, a timer of a history that was continued as new fires into the next one, and
        takes the place of the task that has its number there. Real backends drop it."""
        fire_at = action.createTimer.fireAt.ToDatetime(tzinfo=UTC)
        instance.history.append(helpers.new_timer_created_event(action.id, fire_at))
        instance.status = pb.ORCHESTRATION_STATUS_RUNNING

        def fire() -> None:
            with self._lock:
                if waits_for(self._instances.get(instance.instance_id), action):
                    fired = helpers.new_timer_fired_event(action.id, fire_at)
                    instance.pending_events.append(fired)
                    instance.last_updated_at = datetime.now(UTC)
                    self._enqueue_orchestration(instance.instance_id)

        left = (fire_at - datetime.now(UTC)).total_seconds()
        timer = threading.Timer(max(0.0, left), fire)
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


class _Always:
    """The part of a gRPC context that the engine uses when it is called directly."""

    def is_active(self) -> bool:
        return True

    def abort(self, code: Any, details: str) -> None:
        raise RuntimeError(f"{code}: {details}")
