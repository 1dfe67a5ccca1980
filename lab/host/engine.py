"""The in-memory engine on loopback: its gRPC service, and direct access to its work items."""

from collections.abc import Iterator
from concurrent import futures
from typing import Any, cast

import grpc
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal import orchestrator_service_pb2_grpc as stubs

from lab.host.backend import Backend

STREAMS = 24
# While its storage is away, the extension answers these requests with INTERNAL, and all others with
# UNKNOWN.
INTERNAL = ("StartInstance", "PurgeInstances")


class Engine(Backend):
    """The backend on loopback and a free port; durabletask's own server listens on every interface.
    While `away` is True, clients get the extension's responses for an unavailable storage
    account."""

    away = False

    def start(self) -> str:
        """Starts the gRPC service and returns its address."""
        self._shutdown_event.clear()
        self._server = grpc.server(
            futures.ThreadPoolExecutor(max_workers=STREAMS), interceptors=[_WhileAway(self)]
        )
        stubs.add_TaskHubSidecarServiceServicer_to_server(self, self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return f"127.0.0.1:{port}"

    def work(self) -> Iterator[pb.WorkItem]:
        """Yields work items when they are due, without a network connection."""
        return self.GetWorkItems(pb.GetWorkItemsRequest(), cast(Any, _Always()))

    def abandon(self, item: pb.WorkItem) -> None:
        """Returns an orchestration's turn to the engine."""
        request = pb.AbandonOrchestrationTaskRequest(completionToken=item.completionToken)
        self.AbandonTaskOrchestratorWorkItem(request, cast(Any, _Always()))

    def activity_done(self, response: pb.ActivityResponse) -> None:
        self.CompleteActivityTask(response, cast(Any, _Always()))

    def orchestration_done(self, response: pb.OrchestratorResponse) -> None:
        self.CompleteOrchestratorTask(response, cast(Any, _Always()))


class _WhileAway(grpc.ServerInterceptor):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        if not self._engine.away:
            return continuation(handler_call_details)
        method = handler_call_details.method.rpartition("/")[2]
        code = grpc.StatusCode.INTERNAL if method in INTERNAL else grpc.StatusCode.UNKNOWN
        text = "Exception was thrown by handler."
        return grpc.unary_unary_rpc_method_handler(lambda _, context: context.abort(code, text))


class _Always:
    """The part of a gRPC context that the engine uses when it is called directly."""

    def is_active(self) -> bool:
        return True

    def abort(self, code: Any, details: str) -> None:
        raise RuntimeError(f"{code}: {details}")
