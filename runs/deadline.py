"""A deadline for every call of the durable backend: one that hangs is one that is away.

The library sets none. The binding makes the client and takes no interceptor, so its channel is
wrapped here: the one it has, and those that it makes in place of a broken one.
"""

from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakSet

import grpc
from azure.durable_functions import SyncDurableFunctionsClient
from durabletask.client import TaskHubGrpcClient
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub

from clients.time_limit import within

# The extension itself gives up after 5 to 12 s where queues or tables are away.
SECONDS = 20.0
_limited: WeakSet[Any] = WeakSet()


class Details(NamedTuple):
    """A call as gRPC's interceptors hand it on (`grpc.ClientCallDetails`)."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class Deadline(grpc.UnaryUnaryClientInterceptor):
    """Gives each call 20 s, or what the work at hand has left.

    Raises:
        Transient: next to nothing is left.
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
    """Does nothing to a client whose calls are limited already, or that has no channel."""
    if not isinstance(client, TaskHubGrpcClient):
        return
    # The lock under which the client replaces its channel.
    with client._recreate_lock:
        if client in _limited:
            return
        deadline = Deadline()
        client._interceptors.append(deadline)
        client._channel = grpc.intercept_channel(client._channel, deadline)
        client._stub = TaskHubSidecarServiceStub(client._channel)  # type: ignore[no-untyped-call]
        _limited.add(client)
