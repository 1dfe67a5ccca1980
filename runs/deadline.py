"""Sets a deadline for every call of the durable backend. A backend that hangs counts as
unavailable.

The library sets no deadline. The binding creates the client and accepts no interceptor, so this
module wraps the client's channel, and the channels that replace a broken one.
"""

from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakSet

import grpc
from azure.durable_functions import SyncDurableFunctionsClient
from durabletask.client import TaskHubGrpcClient
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub

from clients.time_limit import within

# Seconds. The extension itself gives up after 5 to 12 s if queues or tables are unavailable.
SECONDS = 20.0
_limited: WeakSet[Any] = WeakSet()


class Details(NamedTuple):
    """The details of a call in the form of gRPC's interceptors (`grpc.ClientCallDetails`)."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class Deadline(grpc.UnaryUnaryClientInterceptor):
    """Limits each call to 20 s, or to the time that the current work has left.

    Raises:
        Transient: almost no time is left.
    """

    def intercept_unary_unary(
        self, continuation: Callable[[Any, Any], Any], client_call_details: Any, request: Any
    ) -> Any:
        details = client_call_details
        limited = Details(
            details.method,
            within(SECONDS),
            details.metadata,
            details.credentials,
            details.wait_for_ready,
            details.compression,
        )
        return continuation(limited, request)


def limit_calls(client: SyncDurableFunctionsClient) -> None:
    """Limits the calls of a client.

    Does nothing if the client's calls are limited already, or if it has no channel.
    """
    if not isinstance(client, TaskHubGrpcClient):
        return
    # The client replaces its channel under this lock.
    with client._recreate_lock:
        if client in _limited:
            return
        deadline = Deadline()
        client._interceptors.append(deadline)
        client._channel = grpc.intercept_channel(client._channel, deadline)
        client._stub = TaskHubSidecarServiceStub(client._channel)  # type: ignore[no-untyped-call]
        _limited.add(client)
